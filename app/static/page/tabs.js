// The page's tabs. The open one stands in the address behind the #, so that a reload opens it again;
// a link names one in its query. It is not an output of any event: with each status of an event that
// has a container among its outputs, Gradio copies the values of everything inside.

const BUTTONS = "#tabs [role=tab], #tabs .overflow-dropdown button";
const IN_HASH = /^#tab=(\w+)$/;

function nameOf(button) {
  return button.textContent.trim().toLowerCase();
}

export function openTab(name) {
  const isNamed = (button) => nameOf(button) === name;
  const found = [...document.querySelectorAll(BUTTONS)].find(isNamed);
  found?.click();
  found?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// The tab that an address asks for, or null.
export function tabOfAddress(address) {
  const { hash, searchParams } = new URL(address);
  return hash.match(IN_HASH)?.[1] ?? searchParams.get("tab");
}

// Open the tab of the address, then keep the address up to date. Called once the page is complete:
// a tab that is opened earlier is closed again.
export function followTabs() {
  const asked = tabOfAddress(location.href);
  if (asked) openTab(asked);
  document.querySelector("#tabs").addEventListener("click", (event) => {
    const button = event.target.closest(BUTTONS);
    if (button) history.replaceState(history.state, "", `#tab=${nameOf(button)}`);
  });
}
