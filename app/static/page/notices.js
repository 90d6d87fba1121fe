// A sentence about what was wrong is seen: it comes into view, and takes the focus from a button. Who
// is writing goes on writing.

const SENTENCE = ".omni-notice p[role=alert]";
const WRITING = "input:not([type=range]), textarea, [contenteditable]";

export function watchNotices() {
  const look = (changes) => {
    const added = changes.flatMap((change) => [...change.addedNodes]);
    const found = added.flatMap((node) => sentencesIn(node));
    if (found.length) show(found[0]);
  };
  const tabs = document.querySelector("#tabs");
  new MutationObserver(look).observe(tabs, { childList: true, subtree: true });
}

function sentencesIn(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return [];
  return node.matches(SENTENCE) ? [node] : [...node.querySelectorAll(SENTENCE)];
}

function show(sentence) {
  sentence.scrollIntoView({ block: "nearest" });
  if (document.activeElement?.matches(WRITING)) return;
  sentence.tabIndex = -1;
  sentence.focus({ preventScroll: true });
}
