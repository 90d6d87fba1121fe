// The visitor's choice of a pace: runs are shown as they come, slowly enough to see each step, or
// step by step by hand. One choice for the whole page, remembered.

import { make, REDUCED_MOTION } from "../../dom.js";
import { remember, remembered } from "../../page/memory.js";

const KEY = "omni-pace";
const CHANGED = "omni-pace";
export const PACES = ["live", "slow", "step"];
const TITLES = {
  live: "each step as soon as it is there",
  slow: "every step, long enough to be seen",
  step: "one step at each press of Next step",
};

let chosen = PACES.includes(remembered(KEY)) ? remembered(KEY) : "slow";

export function pace() {
  return chosen;
}

// Whether the pictures of every step are wanted.
export function showsEveryStep() {
  return pace() !== "live" && !REDUCED_MOTION.matches;
}

export function choosePace(name) {
  chosen = name;
  remember(KEY, name);
  document.dispatchEvent(new CustomEvent(CHANGED));
}

export function onPace(listener) {
  document.addEventListener(CHANGED, listener);
}

// Three buttons of which one is pressed.
export function paceControl() {
  const buttons = PACES.map((name) => {
    const node = make("button", "omni-pace", name);
    node.type = "button";
    node.title = TITLES[name];
    node.onclick = () => choosePace(name);
    return node;
  });
  const mark = () => {
    for (const node of buttons)
      node.setAttribute("aria-pressed", String(node.textContent === chosen));
  };
  mark();
  onPace(mark);
  const root = make("span", "omni-paces", make("span", "", "Pace"), ...buttons);
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Pace at which steps are shown");
  return root;
}
