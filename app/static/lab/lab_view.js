// The Lab: recorded runs to step through, alone or side by side, to look into and to go on from.

const PLAY_MS = 2600;
const MAX_RUNS = 12;
const MAX_TOGETHER = 4;
const KEEP = [["the trace (NumPy)", "npz"], ["the numbers (JSON)", "json"], ["a film strip (PNG)", "png"],
  ["an animation (WebP)", "webp"], ["a film (MP4)", "mp4"], ["a page of its own (HTML)", "html"]];
const NO_EDITS = new Map();
const BELIEF = "belief";

class LabView {
  // server: {look_at, exported, believed} or null for a replay without one; branch: called with where to go on
  constructor(root, server, branch) {
    Object.assign(this, { root, server, branch, runs: [], shown: [], edits: new Map(), asked: 0, heat: "none", frame: 0 });
    this.forming = make("div", "omni-forming-grid");
    const idle = new LiveView(make("div", "omni-forming"));
    idle.status.textContent = "Press Record: the run forms here, and then opens to be looked into.";
    this.forming.append(idle.root);
    this.desk = make("div", "omni-desk");
    this.desk.hidden = true;
    this.build();
    root.classList.add("omni-lab");
    root.replaceChildren(this.forming, this.desk);
  }

  // ---- what comes in -------------------------------------------------------------------------

  // runs: [{run, messages}], those that form now
  follow(runs) {
    const ids = runs.map((one) => one.run);
    if (this.following?.join() !== ids.join() && !ids.every((id) => this.following?.includes(id))) {
      this.pause();
      this.following = ids;
      this.lives = new Map(ids.map((id) => [id, new LiveView(make("div", "omni-forming"))]));
      this.forming.replaceChildren(...[...this.lives.values()].map((live) => live.root));
      this.forming.classList.toggle("several", ids.length > 1);
      this.desk.hidden = true;
      this.forming.hidden = false;
      for (const [id, live] of this.lives) live.follow(id);
    }
    for (const { run, messages } of runs) {
      for (const message of messages ?? []) this.lives.get(run)?.accept(fromJson(message));
    }
  }

  open(runs) {
    const fresh = runs.filter((run) => !this.runs.some((known) => known.id === run.id)).map(unpack);
    if (!fresh.length) return;
    for (const run of fresh) {
      run.title = this.titleOf(run);
      this.runs.push(run);
    }
    this.pending = null;
    while (this.runs.length > MAX_RUNS) this.runs.splice(this.runs.findIndex((r) => !fresh.includes(r)), 1);
    this.forming.hidden = true;
    this.desk.hidden = false;
    const beside = fresh.length === 1 && fresh[0].parent ? [fresh[0].parent] : [];
    this.select([...fresh, ...beside].slice(0, MAX_TOGETHER));
    if (this.shown.length > 1) this.play();
  }

  titleOf(run) {
    const method = run.recipe.method ?? "run";
    if (run.start_t === null) return method;
    run.parent = this.pending && this.runs.find((one) => one.id === this.pending.run);
    return `${method} from t = ${run.start_t.toFixed(2)}`;
  }

  // ---- the desk ------------------------------------------------------------------------------

  build() {
    this.tray = make("div", "omni-tray");
    this.parts = choice("part of the answer", [], (i) => this.choosePart(Number(i)));
    this.which = choice("what is shown", [["prediction x₁", "x_1"], ["state xₜ", "x_t"]], () => this.paint());
    this.heats = choice("heat map", [["no heat map", "none"]], (h) => { this.heat = h; this.believe(); this.paint(); });
    this.stage = make("div", "omni-plate");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label",
      "recorded run: left and right go through the steps, space plays, shift with arrows chooses a token, page up and down a frame of a film");
    this.stage.onkeydown = (event) => this.key(event);
    this.legend = make("p", "omni-legend");
    this.bars = make("div", "omni-bars");
    this.slider = make("input", "omni-slider");
    Object.assign(this.slider, { type: "range", min: 0, step: 1 });
    this.slider.setAttribute("aria-label", "step of the recorded run");
    this.slider.oninput = () => { this.pause(); this.go(Number(this.slider.value)); };
    this.playButton = press("Play", () => (this.player ? this.pause() : this.play()));
    this.saveButton = press("Save this picture", () => this.save());
    this.branchButton = press("Run on from here", () => this.goOn());
    this.branchButton.classList.add("omni-go");
    this.keep = choice("keep this run as", [["Keep as …", ""], ...KEEP], (kind) => this.download(kind));
    this.linkButton = press("Copy link", () => this.copyLink());
    this.facts = make("div", "omni-meta");
    this.table = make("div", "omni-table");
    this.said = make("p", "omni-said");
    this.said.setAttribute("role", "status");
    this.recipe = make("p", "omni-recipe");
    this.near = new Near(this.server && { choose: (q, id) => this.choose(q, id), hold: () => this.hold(), release: () => this.release() });
    const actions = make("div", "omni-actions",
      press("|‹", () => this.go(0), "first step"), press("‹", () => this.go(this.step - 1), "step back"),
      this.playButton, press("›", () => this.go(this.step + 1), "step on"),
      press("›|", () => this.go(this.last), "last step"), this.saveButton,
      ...(this.server ? [this.branchButton, this.keep, this.linkButton] : []));
    this.desk.append(
      this.tray,
      make("div", "omni-look", make("div", "omni-choices", this.parts, this.which, this.heats), this.stage,
        this.legend, make("div", "omni-ruler", this.bars, this.slider), this.facts, actions, this.said, this.table, this.recipe),
      this.near.root,
    );
  }

  get part() { return this.run.segments[this.segment]; }
  get last() { return this.part.steps - 1; }

  // The runs to look at; the first of them leads: its steps are scrubbed, its tokens looked into.
  select(runs) {
    this.pause();
    this.shown = runs;
    this.run = runs[0];
    this.edits = new Map();
    this.say("");
    this.parts.replaceChildren(...this.run.segments.map((s, i) =>
      Object.assign(make("option", "", `${i + 1} · ${s.modality}`), { value: String(i) })));
    this.parts.hidden = this.run.segments.length < 2;
    const seen = this.run.believes && this.run.segments.some((s) => s.grid);
    this.heats.replaceChildren(...[["no heat map", "none"], ...(seen ? [["what it holds to be there", BELIEF]] : []),
      ...Object.keys(this.run.segments[0].heat).map((h) => [h, h])]
      .map(([text, value]) => Object.assign(make("option", "", text), { value })));
    this.heats.value = this.heat in this.run.segments[0].heat || (seen && this.heat === BELIEF) ? this.heat : "none";
    this.heat = this.heats.value;
    this.fillTray();
    this.choosePart(this.run.segments.length - 1);
  }

  fillTray() {
    this.tray.hidden = this.runs.length < 2;
    this.tray.replaceChildren(...this.runs.map((run) => {
      const part = run.segments.at(-1);
      const look = part.pictures ? make("img", "") : make("span", "omni-glimpse", part.words.x_t.at(-1).join("").trim().slice(0, 60));
      if (part.pictures) Object.assign(look, { src: part.pictures.x_1.at(-1), alt: "" });
      const place = this.shown.indexOf(run);
      const open = make("button", "omni-run", look, make("small", "", run.title));
      open.type = "button";
      open.title = describe(run.recipe);
      open.setAttribute("aria-pressed", String(place === 0));
      open.onclick = () => this.select([run]);
      const beside = press(place > 0 ? "–" : "+", () => this.beside(run), place > 0 ? `take ${run.title} away` : `put ${run.title} beside`);
      beside.classList.add("omni-beside");
      beside.hidden = place === 0 || (place < 0 && this.shown.length >= MAX_TOGETHER);
      return make("div", `omni-run-card${place >= 0 ? " shown" : ""}`, open, beside);
    }));
  }

  beside(run) {
    this.select(this.shown.includes(run) ? this.shown.filter((one) => one !== run) : [...this.shown, run]);
  }

  choosePart(index) {
    this.pause();
    this.segment = index;
    this.parts.value = String(index);
    const { part } = this;
    const picture = part.pictures !== null;
    this.which.hidden = this.saveButton.hidden = !picture;
    this.saveButton.textContent = part.frames > 1 ? "Save these frames" : "Save this picture";
    this.bars.replaceChildren(...part.moved.map((share) => {
      const bar = make("i", "omni-bar seen");
      bar.style.setProperty("--share", Math.sqrt(share).toFixed(3));
      return bar;
    }));
    this.slider.max = this.last;
    this.plates = this.shown.map((run, k) => {
      const same = k ? run.segments.findLast((s) => s.modality === part.modality) : part;
      return same && Object.assign(new Plate(same, (i) => (k ? this.select([run, ...this.shown.filter((one) => one !== run)]) : this.pick(i)), (i) => this.turn(i)), { run });
    }).filter(Boolean);
    this.stage.classList.toggle("several", this.plates.length > 1);
    this.stage.replaceChildren(...this.plates.map((plate) => plate.root));
    this.position = null;
    this.believe();
    this.near.hint(picture
      ? `Click a ${part.frames > 1 ? "frame, then a " : ""}place in the picture to see its codes: what else was likely, what lies near, and how they came there. Put another code there, and run on.`
      : "Click a word to see what else was likely, what lies near, and its way through the vocabulary. Put another word there, and run on.");
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
    this.recipe.textContent = `${describe(this.run.recipe)} · ${this.run.checkpoint.name} ${this.run.checkpoint.digest}`;
    this.branchButton.disabled = this.step === this.last;
    this.branchButton.title = this.step === this.last ? "go back a step first: this is the end" : "with the settings on the left";
    this.paint();
    if (this.position !== null) this.inspect();
  }

  play() {
    this.pause();
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
    this.playButton.textContent = "Play";
  }

  key(event) {
    const side = this.part.grid ?? this.part.length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -side, ArrowDown: side };
    const acts = {
      ArrowLeft: () => this.go(this.step - 1), ArrowRight: () => this.go(this.step + 1),
      PageUp: () => this.turn(this.frame - 1), PageDown: () => this.turn(this.frame + 1),
      Home: () => this.go(0), End: () => this.go(this.last), " ": () => (this.player ? this.pause() : this.play()),
    };
    if (event.shiftKey && event.key in moves) {
      const to = (this.position ?? 0) + moves[event.key];
      if (to >= 0 && to < this.part.length) this.pick(to);
    } else if (event.key in acts) {
      if (event.key !== " ") this.pause();
      acts[event.key]();
    } else return;
    event.preventDefault();
  }

  // ---- what is shown -------------------------------------------------------------------------

  // What the middle of the network holds to be where, fetched once for every run that is shown.
  async believe() {
    if (this.heat !== BELIEF) return;
    const asked = this.plates.filter(({ part }) => part.grid && part.believed === undefined);
    await Promise.all(asked.map(async ({ run, part }) => {
      part.believed = null;
      const found = this.server && await this.server.believed({ run: run.id, segment: run.segments.indexOf(part) });
      if (found?.sentence) this.say(found.sentence);
      else if (found) part.believed = unpackBelieved(found);
    }));
    if (asked.length) this.paint();
  }

  paint() {
    this.desk.classList.toggle("wide", !this.server || (this.plates.length > 1 && this.position === null));
    const [low, high] = this.part.range[this.heat] ?? [0, 0];
    this.legend.hidden = this.heat === "none";
    this.legend.replaceChildren(...(this.heat === BELIEF
      ? [this.part.grid ? "read half-way through the network at this step; fainter is less sure" : "asked of pictures and films only"]
      : [`${this.run.heats[this.heat] ?? ""}  ${tidy(low)} `, make("i", "omni-ramp"), ` ${tidy(high)}`]));
    const t = this.part.t[this.step];
    this.plates.forEach((plate, k) => {
      const step = k ? plate.stepAt(t) : this.step;
      plate.show({
        step, segment: this.segment, which: this.which.value || "x_1", heat: this.heat, frame: this.frame,
        position: this.position, edits: k ? NO_EDITS : this.edits,
      });
      plate.caption.hidden = this.plates.length < 2;
      plate.caption.textContent = `${plate.run.title} · step ${step + 1} of ${plate.part.steps}`;
    });
    this.fillTable(t);
  }

  // Side by side: what each costs and how near it is to its own end and to that of the first.
  fillTable(t) {
    this.table.hidden = this.plates.length < 2;
    if (this.table.hidden) return;
    const first = this.plates[0].part.final;
    const cells = (tag, values) => make("tr", "", ...values.map((v) => make(tag, "", String(v))));
    const rows = this.plates.map((plate) => {
      const { part, run } = plate;
      const seconds = part.elapsed_s.at(-1);
      const codes = part.length * part.codebooks;
      const alike = part.final.length === first.length
        ? percent(mean(part.final.flatMap((codes, i) => codes.map((c, q) => Number(c === first[i]?.[q]))))) : "–";
      return cells("td", [run.title, part.nfe.at(-1), part.num_active.reduce((a, b) => a + b, 0), Math.round(codes / seconds),
        percent(part.agrees[plate.stepAt(t)]), part.bits ?? "–", alike]);
    });
    this.table.replaceChildren(make("table", "", make("thead", "", cells("th", ["run", "evaluations", "positions evaluated",
      "codes a second", "prediction as at its end", "surprise, bits a code", "ends as the first"])), make("tbody", "", ...rows)));
  }

  pick(position) {
    this.position = position;
    if (this.part.frames > 1) this.frame = Math.floor(position / this.cells);
    this.paint();
    this.inspect();
  }

  get cells() { return this.part.grid ** 2; }

  // Another frame of a film; what is chosen is then the same place there.
  turn(frame) {
    if (!(this.part.frames > 1) || frame < 0 || frame >= this.part.frames) return;
    this.frame = frame;
    if (this.position === null) this.paint();
    else this.pick(frame * this.cells + (this.position % this.cells));
  }

  async inspect() {
    if (!this.server) return;
    const asked = ++this.asked;
    const place = { run: this.run.id, segment: this.segment, step: this.step, position: this.position };
    const found = await this.server.look_at(place);
    if (asked !== this.asked) return;
    this.found = found;
    if (found.sentence) this.near.hint(found.sentence);
    else this.near.show(found, this.part, this.edits.get(found.position));
  }

  // ---- what is changed -----------------------------------------------------------------------

  choose(q, id) {
    const edit = this.edits.get(this.position) ?? { codes: this.found.codes.map(() => null), held: true };
    edit.codes[q] = id;
    this.edited(edit);
  }

  hold() {
    const edit = this.edits.get(this.position);
    const kept = stays(this.part, this.position);
    const codes = this.found.codes.map((code) => (kept ? null : code.predicted));
    this.edited(edit ? { ...edit, held: !edit.held } : { codes, held: !kept });
  }

  release() {
    this.edited(null);
  }

  edited(edit) {
    if (edit) this.edits.set(this.position, edit);
    else this.edits.delete(this.position);
    this.near.show(this.found, this.part, edit ?? undefined);
    const count = this.edits.size;
    this.say(count ? `${count} ${count === 1 ? "place" : "places"} changed: press Run on from here.` : "");
    this.paint();
  }

  goOn() {
    this.pending = { run: this.run.id };
    const edits = [...this.edits].map(([position, { codes, held }]) => [position, codes, held]);
    this.branch({ run: this.run.id, segment: this.segment, step: this.step, edits });
  }

  say(text) {
    this.said.textContent = text;
  }

  // ---- what is kept --------------------------------------------------------------------------

  async save() {
    if (this.server) {
      const wish = { run: this.run.id, kind: "still", segment: this.segment, step: this.step, which: this.which.value };
      const made = await this.server.exported(wish);
      return made.uri ? deliver(made.uri, made.name) : this.say(made.sentence);
    }
    const image = await this.part.images[this.which.value || "x_1"][this.step];
    const canvas = make("canvas", "");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    deliver(canvas.toDataURL("image/png"), fileName(this.run.recipe).replace(".png", `-step-${this.step + 1}.png`));
  }

  async download(kind) {
    this.keep.value = "";
    if (!kind) return;
    this.say("Making the file …");
    const made = await this.server.exported({ run: this.run.id, kind });
    this.say(made.sentence ?? "");
    if (made.uri) deliver(made.uri, made.name);
  }

  async copyLink() {
    const link = linkTo(this.run.recipe, "lab", this.run.checkpoint.digest);
    this.linkButton.dataset.link = link;
    try {
      await navigator.clipboard.writeText(link);
      this.say("The link is copied: it fills this form again.");
    } catch {
      this.say(link);
    }
  }
}

function deliver(uri, name) {
  const link = make("a", "");
  link.href = URL.createObjectURL(fromDataUri(uri));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function tidy(number) {
  return Number.isInteger(number) ? String(number) : number.toFixed(2);
}
