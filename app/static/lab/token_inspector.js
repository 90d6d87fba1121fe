// One token: where it was, what else was likely, what lies near it, and what to put there.

import { button, make } from "../dom.js";
import { percent } from "../numbers.js";
import { isKept, pathOf, placeName, probeAt } from "./trace.js";

const [WIDTH, HEIGHT, PADDING] = [300, 46, 5]; // of the chart of a token's path

export class TokenInspector {
  // edit: {choose(q, id), hold(), release()} change the edit of the chosen position; null: read only
  constructor(edit) {
    this.edit = edit;
    this.root = make("div", "omni-near");
    this.root.setAttribute("aria-live", "polite");
  }

  hint(text) {
    this.root.replaceChildren(make("p", "omni-hint", text));
    delete this.root.dataset.shown;
  }

  // found: `trace_view.token`; segment: the one it is of; edit: {codes, held} or undefined
  show(found, segment, edit) {
    const { step, position, codes } = found;
    const probe = probeAt(segment, step, position);
    const kept = isKept(segment, position);
    const notes = [];
    if (probe) {
      const words = probe.words || "background";
      notes.push(`Half-way through the network: ${words}, ${percent(probe.sure)} sure.`);
    }
    if (kept) notes.push("It stays from the start: the model would give it back.");
    this.root.replaceChildren(
      make("h3", "", `${placeName(segment, position)}, step ${step + 1}`),
      ...notes.map((note) => make("p", "omni-said", note)),
      ...this.tools(edit, kept),
      ...codes.map((code, q) => this.code(code, q, found, edit)),
    );
    this.root.dataset.shown = `${found.segment}.${step}.${position}`;
  }

  tools(edit, kept) {
    if (!this.edit) return [];
    const isHeld = edit ? edit.held : kept;
    const label = isHeld ? "Let it move" : edit ? "Hold it" : "Hold the prediction";
    const state = edit?.held ? "Held when the run goes on." : "Changed, but free to move on.";
    const undo = edit ? [button("Undo", () => this.edit.release())] : [];
    const hold = button(label, () => this.edit.hold());
    return [
      make("div", "omni-actions", hold, ...undo, make("span", "omni-said", edit ? state : "")),
    ];
  }

  // One sub-code of the token, or the word.
  code(code, q, found, edit) {
    const put = edit?.codes[q] ?? null;
    const shelf = (title, items, caption) => {
      if (!items.length) return [];
      const samples = items.map((item) => this.sample(item, caption(item), code, put, q));
      return [make("h4", "", title), make("div", "omni-shelf", ...samples)];
    };
    return make(
      "section",
      "omni-code",
      codeHeading(code, q, found),
      pathChart(code, found.step),
      ...shelf("What else was likely", code.likely, (item) => percent(item.p)),
      ...shelf("What lies near the prediction", code.near, (item) => item.distance.toFixed(2)),
    );
  }

  // Another code that can be put in its place.
  sample(item, caption, code, put, q) {
    const look = item.picture ? make("img") : make("b", "", (item.piece || "").trim() || "nothing");
    if (item.picture) Object.assign(look, { src: item.picture, alt: `with code ${item.id}` });
    const choose = () => this.edit?.choose(q, item.id);
    const node = button("", choose, { className: "omni-sample" });
    node.append(look, make("small", "", caption));
    node.classList.toggle("chosen", item.id === code.predicted);
    node.classList.toggle("put", item.id === put);
    node.title = `code ${item.id}: put it here`;
    return node;
  }
}

function codeHeading(code, q, { step, codes }) {
  const subCode = codes.length > 1 ? `sub-code ${q + 1}: ` : "";
  const name = code.pieces ? `“${code.pieces[step].trim() || "nothing"}”` : `${subCode}${code.now}`;
  const heading = code.pieces ? "another word" : code.predicted;
  const where =
    code.now === code.predicted ? " is where it is predicted to be" : ` is heading for ${heading}`;
  const entropy = code.entropy === null ? "" : `, ${code.entropy} bits of doubt`;
  const sure = code.confidence === null ? "" : `; ${percent(code.confidence)} sure`;
  return make("p", "omni-code-head", make("b", "", name), where, `${sure}${entropy}`);
}

// The distance to the final code, step by step; a dot where the code changed. Codes of another model
// have no distances, only names.
function pathChart({ path, history, pieces }, step) {
  const figure = make("figure", "omni-way");
  if (path.length) figure.innerHTML = pathDrawing(path, history, step);
  const words = pieces?.filter((piece, k) => k === 0 || piece !== pieces[k - 1]);
  const way = words ? words.map((piece) => piece.trim() || "·").join(" → ") : pathOf(history);
  figure.append(make("figcaption", "", way));
  return figure;
}

function pathDrawing(path, history, step) {
  const top = Math.max(0.01, ...path);
  const last = Math.max(1, path.length - 1);
  const x = (k) => (PADDING + (k / last) * (WIDTH - 2 * PADDING)).toFixed(1);
  const height = HEIGHT - 2 * PADDING;
  const y = (d) => (HEIGHT - PADDING - (Math.max(0, d) / top) * height).toFixed(1);
  const points = path.map((d, k) => `${x(k)},${y(d)}`).join(" ");
  const changed = history.map((id, k) => k === 0 || id !== history[k - 1]);
  const dot = (k) => `<circle cx='${x(k)}' cy='${y(path[k])}' r='2.6'/>`;
  const dots = changed.map((isNew, k) => (isNew ? dot(k) : "")).join("");
  return (
    `<svg viewBox='0 0 ${WIDTH} ${HEIGHT}' role='img'` +
    " aria-label='distance to the final code over the steps'>" +
    `<line x1='${x(step)}' x2='${x(step)}' y1='0' y2='${HEIGHT}'/>` +
    `<polyline points='${points}'/>${dots}</svg>`
  );
}
