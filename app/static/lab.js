// The Lab: a recorded run to step through, with heat maps over it and one token from near.

const PLAY_MS = 2600;
const STOPS = [[0.24, 0.06, 0.2], [0.42, 0.13, 0.3], [0.6, 0.15, 0.42], [0.78, 0.15, 0.6], [0.94, 0.12, 0.82]];

// One even, colour-blind-safe ramp from dark violet over rose to light sand; share in 0 .. 1.
function ramp(share) {
  const x = Math.min(0.9999, Math.max(0, share)) * (STOPS.length - 1);
  const [a, b, f] = [STOPS[Math.floor(x)], STOPS[Math.floor(x) + 1], x % 1];
  const [l, c, h] = a.map((v, i) => v + (b[i] - v) * f);
  return `oklch(${l.toFixed(3)} ${c.toFixed(3)} ${(300 + 150 * h) % 360})`;
}

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

class LabView {
  // lookAt: place -> promise of a token from near
  constructor(root, lookAt) {
    this.root = root;
    this.lookAt = lookAt;
    this.forming = make("div", "no-forming");
    this.live = new LiveView(this.forming);
    this.live.status.textContent = "Press Record: the run forms here, and then opens to be looked into.";
    this.desk = make("div", "no-desk");
    this.desk.hidden = true;
    root.classList.add("no-lab");
    root.replaceChildren(this.forming, this.desk);
  }

  follow(value) {
    this.desk.hidden = true;
    this.forming.hidden = false;
    this.live.follow(value.run);
    for (const message of value.messages ?? []) this.live.accept(fromJson(message));
  }

  open(run) {
    if (this.run?.id === run.id) return;
    this.pause();
    Object.assign(this, { run, segment: 0, step: 0, position: null, heat: "none", asked: 0 });
    for (const segment of run.segments) {
      segment.levels = Object.fromEntries(Object.entries(segment.heat).map(([k, v]) => [k, bytes(v)]));
      segment.images = segment.pictures && Object.fromEntries(
        Object.entries(segment.pictures).map(([name, uris]) => [name, uris.map(loaded)]),
      );
    }
    this.build();
    this.forming.hidden = true;
    this.desk.hidden = false;
    this.choose(run.segments.length - 1);
  }

  // ---- the desk ------------------------------------------------------------------------------

  build() {
    const { run } = this;
    this.parts = choice("part of the answer", run.segments.map((s, i) => [`${i + 1} · ${s.modality}`, i]),
      (i) => this.choose(Number(i)));
    this.parts.hidden = run.segments.length < 2;
    this.which = choice("what is shown", [["prediction x₁", "x_1"], ["state xₜ", "x_t"]], () => this.paint());
    const heats = Object.keys(run.segments[0].heat);
    this.heats = choice("heat map", [["no heat map", "none"], ...heats.map((h) => [h, h])], (h) => {
      this.heat = h;
      this.paint();
    });
    this.stage = make("div", "no-plate");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label",
      "recorded run: left and right go through the steps, space plays, shift with arrows chooses a token");
    this.stage.onkeydown = (event) => this.key(event);
    this.legend = make("p", "no-legend");
    this.bars = make("div", "no-bars");
    this.slider = make("input", "no-slider");
    Object.assign(this.slider, { type: "range", min: 0, step: 1 });
    this.slider.setAttribute("aria-label", "step of the recorded run");
    this.slider.oninput = () => { this.pause(); this.go(Number(this.slider.value)); };
    this.player = null;
    this.playButton = press("Play", () => this.toggle());
    const buttons = make("div", "no-actions",
      press("|‹", () => this.go(0), "first step"), press("‹", () => this.go(this.step - 1), "step back"),
      this.playButton, press("›", () => this.go(this.step + 1), "step on"),
      press("›|", () => this.go(this.last), "last step"),
      press("Save this picture", () => this.save()));
    this.saveButton = buttons.lastChild;
    this.facts = make("div", "no-meta");
    this.near = make("div", "no-near");
    this.near.setAttribute("aria-live", "polite");
    const recipe = make("p", "no-recipe", `${describe(run.recipe)} · ${run.checkpoint.name} ${run.checkpoint.digest}`);
    this.desk.replaceChildren(
      make("div", "no-look", make("div", "no-choices", this.parts, this.which, this.heats), this.stage,
        this.legend, make("div", "no-ruler", this.bars, this.slider), this.facts, buttons, recipe),
      this.near,
    );
  }

  get part() { return this.run.segments[this.segment]; }
  get last() { return this.part.steps - 1; }

  choose(index) {
    this.pause();
    this.segment = index;
    this.parts.value = String(index);
    const { part } = this;
    const picture = part.modality === "image";
    this.which.hidden = this.saveButton.hidden = !picture;
    this.bars.replaceChildren(...part.moved.map((share) => {
      const bar = make("i", "no-bar seen");
      bar.style.setProperty("--share", Math.sqrt(share).toFixed(3));
      return bar;
    }));
    this.slider.max = this.last;
    if (picture) {
      this.canvas = make("canvas", "no-plate-picture");
      this.canvas.width = this.canvas.height = 768;
      this.canvas.onclick = (event) => this.pick(event);
      this.stage.replaceChildren(this.canvas);
    } else {
      this.words = part.words.x_t[0].map((_, i) => {
        const word = make("button", "no-token");
        word.type = "button";
        word.tabIndex = -1;
        word.onclick = () => this.select(i);
        return word;
      });
      this.stage.replaceChildren(make("div", "no-line", ...this.words));
    }
    this.position = null;
    this.near.replaceChildren(make("p", "no-hint", picture
      ? "Click a place in the picture to see its codes: what else was likely, what lies near, and how they came there."
      : "Click a word to see what else was likely, what lies near, and its way through the vocabulary."));
    this.go(this.last);
  }

  go(step) {
    this.step = Math.min(this.last, Math.max(0, step));
    this.slider.value = this.step;
    this.slider.setAttribute("aria-valuetext", `step ${this.step + 1} of ${this.last + 1}`);
    [...this.bars.children].forEach((bar, k) => bar.classList.toggle("past", k <= this.step));
    const { part } = this;
    this.facts.replaceChildren(...[
      ["step", `${this.step + 1} / ${part.steps}`], ["t", part.t[this.step].toFixed(3)],
      ["evaluations", part.nfe[this.step]], ["positions evaluated", part.num_active[this.step]],
      ["changed", percent(part.moved[this.step])], ["seconds", part.elapsed_s[this.step].toFixed(2)],
    ].map(([name, value]) => make("span", "", make("b", "", String(value)), ` ${name}`)));
    this.paint();
    if (this.position !== null) this.inspect();
  }

  toggle() {
    if (this.player) return this.pause();
    if (this.step === this.last) this.go(0);
    this.playButton.textContent = "Pause";
    this.player = setInterval(() => {
      this.go(this.step + 1);
      if (this.step === this.last) this.pause();
    }, Math.max(60, PLAY_MS / this.part.steps));
  }

  pause() {
    clearInterval(this.player);
    this.player = null;
    if (this.playButton) this.playButton.textContent = "Play";
  }

  key(event) {
    const side = this.part.grid ?? this.part.length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -side, ArrowDown: side };
    const acts = {
      ArrowLeft: () => this.go(this.step - 1), ArrowRight: () => this.go(this.step + 1),
      Home: () => this.go(0), End: () => this.go(this.last), " ": () => this.toggle(),
    };
    if (event.shiftKey && event.key in moves) {
      const from = this.position ?? 0;
      const to = from + moves[event.key];
      if (to >= 0 && to < this.part.length) this.select(to);
    } else if (event.key in acts) {
      if (event.key !== " ") this.pause();
      acts[event.key]();
    } else return;
    event.preventDefault();
  }

  // ---- what is shown -------------------------------------------------------------------------

  level(position) {
    return this.part.levels[this.heat]?.[this.step * this.part.length + position] / 255;
  }

  paint() {
    const { part } = this;
    const [low, high] = part.range[this.heat] ?? [0, 0];
    this.legend.hidden = this.heat === "none";
    this.legend.replaceChildren(
      `${this.run.heats[this.heat] ?? ""}  ${tidy(low)} `, make("i", "no-ramp"), ` ${tidy(high)}`,
    );
    if (part.modality === "image") this.paintPicture();
    else this.paintWords();
  }

  async paintPicture() {
    const { part, canvas, step } = this;
    const image = await part.images[this.which.value || "x_1"][step];
    if (canvas !== this.canvas || step !== this.step) return;
    const pen = canvas.getContext("2d");
    const cell = canvas.width / part.grid;
    pen.globalAlpha = 1;
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    for (let i = 0; i < part.length; i++) {
      const [x, y] = [(i % part.grid) * cell, Math.floor(i / part.grid) * cell];
      if (this.heat !== "none") {
        pen.globalAlpha = 0.72;
        pen.fillStyle = ramp(this.level(i));
        pen.fillRect(x, y, cell, cell);
      }
      pen.globalAlpha = 1;
      if (i === this.position) {
        for (const [width, colour] of [[9, "#000"], [5, "#fff"]]) {
          pen.lineWidth = width;
          pen.strokeStyle = colour;
          pen.strokeRect(x + 4, y + 4, cell - 8, cell - 8);
        }
      }
    }
    canvas.dataset.painted = `${this.segment}.${step}.${this.heat}`;
  }

  paintWords() {
    const { part } = this;
    const pieces = part.words.x_t[this.step];
    this.words.forEach((word, i) => {
      const text = pieces[i].trim();
      word.textContent = text || "·";
      word.classList.toggle("empty", !text);
      word.classList.toggle("chosen", i === this.position);
      const level = this.level(i);
      word.style.background = this.heat === "none" ? "" : ramp(level);
      word.style.color = this.heat === "none" ? "" : level > 0.55 ? "#16121c" : "#fbf8ff";
      word.title = `predicted: ${part.words.x_1[this.step][i].trim() || "nothing here"}`;
    });
  }

  pick(event) {
    const box = this.canvas.getBoundingClientRect();
    const at = (v, start, size) =>
      Math.min(this.part.grid - 1, Math.max(0, Math.floor(((v - start) / size) * this.part.grid)));
    this.select(at(event.clientY, box.top, box.height) * this.part.grid + at(event.clientX, box.left, box.width));
  }

  select(position) {
    this.position = position;
    this.paint();
    this.inspect();
  }

  async inspect() {
    const asked = ++this.asked;
    const place = { run: this.run.id, segment: this.segment, step: this.step, position: this.position };
    const found = await this.lookAt(place);
    if (asked !== this.asked) return;
    if (found.sentence) return this.near.replaceChildren(make("p", "no-hint", found.sentence));
    const where = this.part.grid
      ? `row ${Math.floor(found.position / this.part.grid) + 1}, column ${(found.position % this.part.grid) + 1}`
      : `place ${found.position + 1}`;
    this.near.replaceChildren(
      make("h3", "", `${where}, step ${found.step + 1}`),
      ...found.codes.map((code, q) => this.code(code, q, found.codes.length)),
    );
    this.near.dataset.shown = `${found.segment}.${found.step}.${found.position}`;
  }

  code(code, q, count) {
    const name = code.pieces
      ? `“${code.pieces[this.step].trim() || "nothing"}”`
      : `${count > 1 ? `sub-code ${q + 1}: ` : ""}${code.now}`;
    const doubt = code.entropy === null ? "" : `, ${code.entropy} bits of doubt`;
    const head = make("p", "no-code-head", make("b", "", name),
      code.now === code.predicted ? " is where it is predicted to be" : ` is heading for ${code.pieces ? "another word" : code.predicted}`,
      `; ${percent(code.confidence)} sure${doubt}`);
    const row = (title, items, number) => items.length
      ? [make("h4", "", title), make("div", "no-shelf", ...items.map((item) => this.sample(item, number(item), item.id === code.predicted)))]
      : [];
    return make("section", "no-code", head, this.way(code),
      ...row("What else was likely", code.likely, (item) => percent(item.p)),
      ...row("What lies near the prediction", code.near, (item) => item.distance.toFixed(2)));
  }

  sample(item, number, chosen) {
    const look = item.picture ? make("img", "") : make("b", "", (item.piece || "").trim() || "nothing");
    if (item.picture) Object.assign(look, { src: item.picture, alt: `with code ${item.id}` });
    const node = make("figure", `no-sample${chosen ? " chosen" : ""}`, look, make("figcaption", "", number));
    node.title = `code ${item.id}`;
    return node;
  }

  // The distance to the final code, step by step; a dot where the code changed.
  way(code) {
    const [w, h, pad] = [300, 46, 5];
    const top = Math.max(0.01, ...code.path);
    const x = (k) => pad + (k / Math.max(1, code.path.length - 1)) * (w - 2 * pad);
    const y = (d) => h - pad - (Math.max(0, d) / top) * (h - 2 * pad);
    const points = code.path.map((d, k) => `${x(k).toFixed(1)},${y(d).toFixed(1)}`).join(" ");
    const dots = code.history.map((id, k) => k && id === code.history[k - 1] ? "" :
      `<circle cx='${x(k).toFixed(1)}' cy='${y(code.path[k]).toFixed(1)}' r='2.6'/>`).join("");
    const figure = make("figure", "no-way");
    figure.innerHTML = `<svg viewBox='0 0 ${w} ${h}' role='img' aria-label='distance to the final code over the steps'>` +
      `<line x1='${x(this.step)}' x2='${x(this.step)}' y1='0' y2='${h}'/><polyline points='${points}'/>${dots}</svg>`;
    const via = code.pieces
      ? code.pieces.filter((p, k, all) => k === 0 || p !== all[k - 1]).map((p) => p.trim() || "·").join(" → ")
      : code.history.filter((id, k, all) => k === 0 || id !== all[k - 1]).join(" → ");
    figure.append(make("figcaption", "", via));
    return figure;
  }

  async save() {
    const image = await this.part.images[this.which.value || "x_1"][this.step];
    const canvas = make("canvas", "");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    const link = make("a", "");
    link.href = canvas.toDataURL("image/png");
    link.download = fileName(this.run.recipe).replace(".png", `-step-${this.step + 1}.png`);
    link.click();
  }
}

function choice(label, options, change) {
  const node = make("select", "no-select");
  node.setAttribute("aria-label", label);
  node.append(...options.map(([text, value]) => Object.assign(make("option", "", text), { value: String(value) })));
  node.onchange = () => change(node.value);
  return node;
}

function press(label, act, spoken) {
  const node = make("button", "no-button", label);
  node.type = "button";
  node.onclick = act;
  if (spoken) node.setAttribute("aria-label", spoken);
  return node;
}

async function loaded(uri) {
  return createImageBitmap(fromDataUri(uri));
}

function tidy(number) {
  return Number.isInteger(number) ? String(number) : number.toFixed(2);
}
