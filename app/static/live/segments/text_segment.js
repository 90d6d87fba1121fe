// Words at one step: settled words look like plain text, the others are tinted by confidence.

import { make, REDUCED_MOTION } from "../../dom.js";
import { percent } from "../../numbers.js";
import { isSettled, splitPiece, splitWords } from "../steps.js";

const FLASH = [{ color: "var(--omni-accent)" }, {}];

export class TextSegment {
  constructor() {
    this.words = make("p", "omni-words");
    this.root = make("div", "omni-text", this.words);
    this.pieces = []; // [the space before a word, the word]
    this.flashes = new WeakMap(); // of words that have changed: reading an element's own is slow
  }

  // Media open behind the first `after` words: they stand there as soon as those are settled.
  open(root, after) {
    Object.assign(this, { after, rest: make("p", "omni-words") });
    this.words.after(root, this.rest);
  }

  setText(text) {
    const [first, rest] = this.rest ? splitWords(text, this.after) : [text, ""];
    replaceText(this.words, first);
    if (this.rest) replaceText(this.rest, rest);
  }

  show(frame, live) {
    const { words_t: words, words_1: predicted, confidence, changed } = frame.header;
    if (this.pieces.length !== words.length) this.createPieces(words.length);
    words.forEach((piece, i) => {
      const [space, span] = this.pieces[i];
      const [before, word] = splitPiece(piece);
      space.data = before;
      if (span.textContent !== word) span.textContent = word;
      const settled = isSettled(piece, predicted[i], confidence[i]);
      span.classList.toggle("settled", settled || !word);
      span.style.setProperty("--confidence", confidence[i]);
      span.title = settled
        ? `settled, ${percent(confidence[i])} sure`
        : `${percent(confidence[i])} sure of “${predicted[i].trim() || "nothing here"}”`;
      if (live && changed[i] > 0 && word && !REDUCED_MOTION.matches) this.flash(span);
    });
  }

  flash(span) {
    const before = this.flashes.get(span);
    if (before) before.currentTime = 0;
    before?.play();
    if (!before) this.flashes.set(span, span.animate(FLASH, { duration: 450, easing: "ease-out" }));
  }

  createPieces(count) {
    const pair = () => [document.createTextNode(""), make("span", "omni-word")];
    this.pieces = Array.from({ length: count }, pair);
    this.words.replaceChildren(...this.pieces.flat());
    if (this.rest) this.rest.textContent = "";
  }

  // Nothing will change any more: plain text. alone: nothing else is answered.
  finish(answer, _blob, _label, alone) {
    this.pieces = [];
    this.setText(answer.text || (alone ? "…" : ""));
    if (!answer.thought || this.root.querySelector(".omni-thought")) return;
    this.root.prepend(foldedThought(answer.thought));
  }

  // The words of a step, once the run has moved on to its next segment.
  settle(frame) {
    this.finish({ text: frame.header.words_t.join("") }, null, "", false);
  }
}

export function foldedThought(thought) {
  const summary = make("summary", "", "what it thought");
  return make("details", "omni-thought", summary, make("p", "", thought));
}

// A text that stays keeps its node, and so the light on its words.
function replaceText(node, text) {
  const isPlain = node.childNodes.length === 1 && node.firstChild.nodeType === Node.TEXT_NODE;
  if (!isPlain || node.textContent !== text) node.textContent = text;
}
