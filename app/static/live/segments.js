// How one segment of an answer looks at one step: words, or a pair of pictures.

const SETTLED = 0.9; // a word is settled when state and prediction agree with at least this confidence
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function mean(values) {
  return values.length ? values.reduce((a, b) => a + b, 0) / values.length : 0;
}

// The last frame up to `index`; with `medium`, the last one that carries it.
function nearest(frames, index, medium) {
  for (let i = Math.min(index, frames.length - 1); i >= 0; i--) {
    if (frames[i] && (!medium || frames[i].media[medium])) return frames[i];
  }
  return null;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}

class TextSegment {
  constructor() {
    this.words = make("p", "omni-words");
    this.root = make("div", "omni-text", this.words);
    this.pieces = []; // [the space before a word, the word]
  }

  // Something opens behind the first words: it stands there as soon as they are settled.
  open(root, after) {
    Object.assign(this, { after, rest: make("p", "omni-words") });
    this.words.after(root, this.rest);
  }

  lay(text) {
    const words = text.split(/\s+/);
    const all = !this.rest || words.length <= this.after;
    this.words.textContent = all ? text : words.slice(0, this.after).join(" ");
    if (this.rest) this.rest.textContent = all ? "" : words.slice(this.after).join(" ");
  }

  show(frame, live) {
    const { words_t: words, words_1: predicted, confidence, changed } = frame.header;
    if (this.pieces.length !== words.length) {
      this.pieces = words.map(() => [document.createTextNode(""), make("span", "omni-word")]);
      this.words.replaceChildren(...this.pieces.flat());
      if (this.rest) this.rest.textContent = "";
    }
    words.forEach((piece, i) => {
      const [space, span] = this.pieces[i];
      const word = piece.trimStart();
      space.data = piece.slice(0, piece.length - word.length);
      if (span.textContent !== word) span.textContent = word;
      const settled = piece === predicted[i] && confidence[i] >= SETTLED;
      span.classList.toggle("settled", settled || !word);
      span.style.setProperty("--confidence", confidence[i]);
      span.title = settled
        ? `settled, ${percent(confidence[i])} sure`
        : `${percent(confidence[i])} sure of “${predicted[i].trim() || "nothing here"}”`;
      if (live && changed[i] > 0 && word && !CALM.matches) flash(span);
    });
  }

  // Nothing will change any more: plain text. alone: nothing else is answered.
  finish(answer, blob, label, alone) {
    this.pieces = [];
    this.lay(answer.text || (alone ? "…" : ""));
    if (!answer.thought || this.root.querySelector(".omni-thought")) return;
    this.root.prepend(folded(answer.thought));
  }

  // The words of a step, once the run has moved on to its next segment.
  settle(frame) {
    this.finish({ text: frame.header.words_t.join("") }, null, "", false);
  }
}

function folded(thought) {
  return make("details", "omni-thought", make("summary", "", "what it thought"), make("p", "", thought));
}

function flash(span) {
  span.getAnimations().forEach((animation) => animation.cancel());
  span.animate([{ color: "var(--omni-accent)" }, {}], { duration: 450, easing: "ease-out" });
}

class PictureSegment {
  constructor() {
    this.prediction = make("canvas", "omni-canvas");
    this.state = make("canvas", "omni-canvas");
    this.grid = make("canvas", "omni-grid");
    this.prediction.setAttribute("role", "img");
    this.prediction.setAttribute("aria-label", "the picture as it is at this step");
    this.state.setAttribute("aria-hidden", "true");
    this.grid.setAttribute("aria-hidden", "true");
    const large = make("figure", "omni-large", make("div", "omni-frame", this.prediction, this.grid));
    const small = make("figure", "omni-small", make("div", "omni-frame", this.state));
    this.side = make("div", "omni-side", small);
    large.append(make("figcaption", "", make("b", "", "prediction"), " x₁ · where it is heading"));
    small.append(make("figcaption", "", make("b", "", "state"), " xₜ · where it is now"));
    this.root = make("div", "omni-pictures", large, this.side);
    this.wanted = new Map();
  }

  // predicted, stated: the last steps up to this one that were decoded to pixels (not every one is)
  show(frame, live, predicted, stated) {
    this.paint(this.prediction, predicted?.media.x_1);
    this.paint(this.state, stated?.media.x_t);
    this.mark(frame.header.changed);
  }

  settle() {
    this.mark([]);
  }

  finish(answer, blob, label) {
    this.paint(this.prediction, blob);
    this.prediction.setAttribute("aria-label", label);
    this.mark([]);
  }

  // Decoding is asynchronous: only the newest picture asked for may be painted.
  async paint(canvas, blob) {
    if (!blob) return;
    this.wanted.set(canvas, blob);
    const bitmap = await createImageBitmap(blob);
    if (this.wanted.get(canvas) !== blob) return;
    if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
    if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.dataset.painted = String(Number(canvas.dataset.painted ?? 0) + 1);
    bitmap.close();
  }

  mark(changed) {
    outline(this.grid, changed, 512);
  }
}

// Outlines the patches that changed, on a canvas of `size` pixels a side.
function outline(canvas, changed, size) {
  const side = Math.round(Math.sqrt(changed.length)) || 1;
  const cell = size / side;
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  const unit = size / 512;
  changed.forEach((share, i) => {
    if (share <= 0) return;
    const [x, y] = [(i % side) * cell, Math.floor(i / side) * cell];
    for (const [inset, colour] of [[3 * unit, "0, 0, 0"], [5 * unit, "255, 255, 255"]]) {
      pen.strokeStyle = `rgba(${colour}, ${0.08 + 0.26 * share})`;
      pen.lineWidth = Math.max(1, 2 * unit);
      pen.beginPath();
      pen.roundRect(x + inset, y + inset, cell - 2 * inset, cell - 2 * inset, 9 * unit);
      pen.stroke();
    }
  });
}
