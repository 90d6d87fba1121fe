// One token from near: where it was, what else was likely, what lies near it, and what to put there.

class Near {
  // act: {choose(q, id), hold(), release()} change the edits of the chosen position
  constructor(act) {
    this.act = act;
    this.root = make("div", "omni-near");
    this.root.setAttribute("aria-live", "polite");
  }

  hint(text) {
    this.root.replaceChildren(make("p", "omni-hint", text));
    delete this.root.dataset.shown;
  }

  // found: `inspection.token`; part: its segment; edit: {codes, held} or undefined
  show(found, part, edit) {
    const { grid, frames } = part;
    const belief = beliefAt(part, found.step, found.position);
    const cell = found.position % grid ** 2;
    const frame = frames > 1 ? `frame ${Math.floor(found.position / grid ** 2) + 1}, ` : "";
    const where = grid
      ? `${frame}row ${Math.floor(cell / grid) + 1}, column ${(cell % grid) + 1}`
      : `place ${found.position + 1}`;
    this.root.replaceChildren(
      make("h3", "", `${where}, step ${found.step + 1}`),
      ...(belief ? [make("p", "omni-said", `Half-way through the network: ${belief.words || "background"}, ${percent(belief.sure)} sure.`)] : []),
      ...(stays(part, found.position) ? [make("p", "omni-said", "It stays from the start: the model would give it back.")] : []),
      ...this.tools(edit, stays(part, found.position)),
      ...found.codes.map((code, q) => this.code(code, q, found, edit)),
    );
    this.root.dataset.shown = `${found.segment}.${found.step}.${found.position}`;
  }

  tools(edit, kept) {
    if (!this.act) return [];
    const word = (edit ? edit.held : kept) ? "Let it move" : edit ? "Hold it" : "Hold the prediction";
    const say = edit ? (edit.held ? "Held when the run goes on." : "Changed, but free to move on.") : "";
    return [make("div", "omni-actions",
      press(word, () => this.act.hold()),
      ...(edit ? [press("Undo", () => this.act.release())] : []),
      make("span", "omni-said", say))];
  }

  code(code, q, found, edit) {
    const { step } = found;
    const name = code.pieces
      ? `“${code.pieces[step].trim() || "nothing"}”`
      : `${found.codes.length > 1 ? `sub-code ${q + 1}: ` : ""}${code.now}`;
    const doubt = code.entropy === null ? "" : `, ${code.entropy} bits of doubt`;
    const head = make("p", "omni-code-head", make("b", "", name),
      code.now === code.predicted ? " is where it is predicted to be" : ` is heading for ${code.pieces ? "another word" : code.predicted}`,
      `; ${percent(code.confidence)} sure${doubt}`);
    const put = edit?.codes[q] ?? null;
    const row = (title, items, number) => items.length
      ? [make("h4", "", title), make("div", "omni-shelf", ...items.map((item) =>
        this.sample(item, number(item), item.id === code.predicted, item.id === put, () => this.act?.choose(q, item.id))))]
      : [];
    return make("section", "omni-code", head, this.way(code, step),
      ...row("What else was likely", code.likely, (item) => percent(item.p)),
      ...row("What lies near the prediction", code.near, (item) => item.distance.toFixed(2)));
  }

  sample(item, number, predicted, put, choose) {
    const look = item.picture ? make("img", "") : make("b", "", (item.piece || "").trim() || "nothing");
    if (item.picture) Object.assign(look, { src: item.picture, alt: `with code ${item.id}` });
    const node = make("button", `omni-sample${predicted ? " chosen" : ""}${put ? " put" : ""}`, look, make("small", "", number));
    node.type = "button";
    node.title = `code ${item.id}: put it here`;
    node.onclick = choose;
    return node;
  }

  // The distance to the final code, step by step; a dot where the code changed.
  way(code, step) {
    const [w, h, pad] = [300, 46, 5];
    const top = Math.max(0.01, ...code.path);
    const x = (k) => pad + (k / Math.max(1, code.path.length - 1)) * (w - 2 * pad);
    const y = (d) => h - pad - (Math.max(0, d) / top) * (h - 2 * pad);
    const points = code.path.map((d, k) => `${x(k).toFixed(1)},${y(d).toFixed(1)}`).join(" ");
    const dots = code.history.map((id, k) => k && id === code.history[k - 1] ? "" :
      `<circle cx='${x(k).toFixed(1)}' cy='${y(code.path[k]).toFixed(1)}' r='2.6'/>`).join("");
    const figure = make("figure", "omni-way");
    figure.innerHTML = `<svg viewBox='0 0 ${w} ${h}' role='img' aria-label='distance to the final code over the steps'>` +
      `<line x1='${x(step)}' x2='${x(step)}' y1='0' y2='${h}'/><polyline points='${points}'/>${dots}</svg>`;
    const via = code.pieces
      ? code.pieces.filter((p, k, all) => k === 0 || p !== all[k - 1]).map((p) => p.trim() || "·").join(" → ")
      : code.history.filter((id, k, all) => k === 0 || id !== all[k - 1]).join(" → ");
    figure.append(make("figcaption", "", via));
    return figure;
  }
}

function press(label, act, spoken) {
  const node = make("button", "omni-button", label);
  node.type = "button";
  node.onclick = act;
  if (spoken) node.setAttribute("aria-label", spoken);
  return node;
}

function choice(label, options, change) {
  const node = make("select", "omni-select");
  node.setAttribute("aria-label", label);
  node.append(...options.map(([text, value]) => Object.assign(make("option", "", text), { value: String(value) })));
  node.onchange = () => change(node.value);
  return node;
}
