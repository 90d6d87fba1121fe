// The word that is being said lights up in the text, without a change of the text itself.

const NAME = "omni-said";
const WORD = /\S+/g;

// The number of the word that is being said: the first that ends later; -1 behind the last.
export function wordAt(seconds, ends) {
  return ends.findIndex((end) => seconds < end);
}

// Light one word of an element, none for -1. Browsers without highlights show nothing.
export function lightWord(element, number) {
  const highlights = globalThis.CSS?.highlights;
  if (!highlights) return;
  const range = number < 0 ? null : rangeOf(element, number);
  if (range) highlights.set(NAME, new Highlight(range));
  else highlights.delete(NAME);
}

function rangeOf(element, number) {
  const word = [...element.textContent.matchAll(WORD)][number];
  if (!word) return null;
  const range = new Range();
  const [start, end] = [word.index, word.index + word[0].length];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let at = 0; walker.nextNode(); at += walker.currentNode.length) {
    const node = walker.currentNode;
    if (start >= at && start < at + node.length) range.setStart(node, start - at);
    if (end > at && end <= at + node.length) range.setEnd(node, end - at);
  }
  return range;
}
