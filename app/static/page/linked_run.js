// A link plays what was shared: when its values are in the form, the button is pressed. Where
// something about the link is wrong, it is left to the visitor.

const PATIENCE_MS = 15_000;
const AGAIN_MS = 60;

// The tab whose run an address shares, among these; or null.
export function linkedTab(address, tabs) {
  const { searchParams } = new URL(address);
  const tab = searchParams.get("tab") ?? tabs[0];
  return searchParams.get("prompt")?.trim() && tabs.includes(tab) ? tab : null;
}

export function pressWhenFilled(tab, prompt) {
  const until = performance.now() + PATIENCE_MS;
  const look = () => {
    const field = document.querySelector(`#${tab}-prompt textarea`);
    const button = document.querySelector(`#${tab}-generate, #${tab}-record`);
    if (field?.value.trim() !== prompt.trim() || !button) {
      if (performance.now() < until) setTimeout(look, AGAIN_MS);
      return;
    }
    if (!document.querySelector(`#${tab}-settings-notice`)?.textContent.trim()) button.click();
  };
  look();
}
