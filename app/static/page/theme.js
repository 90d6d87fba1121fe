// Light or dark: as the system has it, until the visitor presses the switch; that is remembered.

import { remember, remembered } from "./memory.js";

const KEY = "omni-theme";

export function followTheme(button) {
  const kept = remembered(KEY);
  if (kept) document.body.classList.toggle("dark", kept === "dark");
  button.onclick = () => {
    const dark = document.body.classList.toggle("dark");
    remember(KEY, dark ? "dark" : "light");
  };
}
