// DOM helpers that every view shares.

export const REDUCED_MOTION = matchMedia("(prefers-reduced-motion: reduce)");
const FEEDBACK_MS = 1800; // how long a button says that it has acted
const REVOKE_MS = 10_000;

// An element with a class and children.
export function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

// A button; name: its accessible name, where that is not its label.
export function button(label, act, { name = "", className = "omni-button" } = {}) {
  const node = make("button", className, label);
  node.type = "button";
  node.onclick = act;
  if (name) node.setAttribute("aria-label", name);
  return node;
}

// options: [[text, value]]; change is called with the chosen value.
export function select(name, options, change) {
  const node = make("select", "omni-select");
  node.setAttribute("aria-label", name);
  setOptions(node, options);
  node.onchange = () => change(node.value);
  return node;
}

export function setOptions(node, options) {
  const made = ([text, value]) => Object.assign(make("option", "", text), { value: String(value) });
  node.replaceChildren(...options.map(made));
}

// A bold value and its name for each fact: [[name, value, what it means]].
export function factList(facts) {
  return facts.map(([name, value, title = ""]) => {
    const fact = make("span", "", make("b", "", String(value)), ` ${name}`);
    fact.title = title;
    return fact;
  });
}

// Give the visitor a file.
export function download(blob, name) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MS);
}

// Copy to the clipboard, said on the button; without permission the text is shown to be copied.
export async function copyText(node, text) {
  const label = node.textContent;
  try {
    await navigator.clipboard.writeText(text);
    node.textContent = "Copied";
  } catch {
    prompt("Copy this:", text);
  }
  setTimeout(() => (node.textContent = label), FEEDBACK_MS);
}

// Call act once, when the element is on the screen for the first time.
export function whenVisible(node, act) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    act();
  });
  observer.observe(node);
}
