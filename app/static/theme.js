// Light or dark: as the system has it, until the visitor presses the switch; that is remembered.

const KEY = "omni-theme";

export function followTheme(button) {
  const kept = remembered();
  if (kept) document.body.classList.toggle("dark", kept === "dark");
  button.onclick = () => {
    const dark = document.body.classList.toggle("dark");
    remember(dark ? "dark" : "light");
  };
}

// A browser may forbid to store anything: then nothing is remembered.
function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // the switch still works
  }
}
