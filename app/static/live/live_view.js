// The live view: one run as it forms, and afterwards its steps to scrub through. Used by every tab.

const REPLAY_MS = 2400;
const STIR_MS = 280;
const FILES = { "image/png": "png", "video/mp4": "mp4", "image/gif": "gif", "audio/wav": "wav" };
const DOUBT = "I am not sure that I heard this right: I know English, and few words. Say it again, or type it.";
const VIEWS = { text: TextSegment, image: PictureSegment, audio: SoundSegment, video: FilmSegment };

// What stands there before anything is made: patches of random colours.
class Noise {
  constructor(width, height) {
    this.root = make("canvas", "omni-blank");
    [this.root.width, this.root.height] = [width, height];
  }

  stir() {
    speckle(this.root);
  }
}

function speckle(canvas) {
  const pen = canvas.getContext("2d");
  for (let i = 0; i < canvas.width * canvas.height; i++) {
    pen.fillStyle = `hsl(${360 * Math.random()} 42% ${48 + 34 * Math.random()}%)`;
    pen.fillRect(i % canvas.width, Math.floor(i / canvas.width), 1, 1);
  }
}

class LiveView {
  // again: what "Run it live" does; links: whether a link can make the run again; noise: the size in
  // patches of what stands there before a run begins, where that is no film
  constructor(root, { again = null, links = false, noise = [8, 8] } = {}) {
    Object.assign(this, { root, again, links });
    this.blank = root.closest(".omni-makes-video") ? new FilmSegment() : new Noise(...noise);
    this.build();
    this.reset();
  }

  build() {
    this.stage = make("div", "omni-stage");
    this.bars = make("div", "omni-bars");
    this.slider = make("input", "omni-slider");
    Object.assign(this.slider, { type: "range", min: 0, step: 1, disabled: true });
    this.slider.setAttribute("aria-label", "step of the run");
    this.slider.oninput = () => this.scrub(Number(this.slider.value));
    this.ruler = make("div", "omni-ruler", this.bars, this.slider);
    this.meta = make("div", "omni-meta");
    this.status = make("p", "omni-status");
    this.timed = make("p", "omni-timed");
    this.drafts = new Drafts();
    this.recipe = make("p", "omni-recipe");
    this.spoken = make("p", "omni-spoken");
    this.spoken.setAttribute("aria-live", "polite");
    this.actions = make("div", "omni-actions");
    this.liveButton = this.button("Run it live", () => this.again?.(), "omni-go");
    this.replayButton = this.button("Replay", () => this.replay());
    this.gridButton = this.button("What changed", () => this.toggleGrid());
    this.saveButtons = Object.entries(FILES).map(([type, ending]) => {
      const button = this.button(`Download ${ending.toUpperCase()}`, () => this.download(type));
      button.dataset.type = type;
      return button;
    });
    this.linkButton = this.button("Copy link", () => this.copyLink());
    this.keepButton = this.button("Keep in the gallery", () => keepRun(this));
    this.watchButton = this.button("Copy watch address", () => this.copyWatchAddress());
    this.watchButton.title = "for python -m engine watch, while this run forms";
    this.gridButton.setAttribute("aria-pressed", "true");
    this.root.classList.add("omni-live", "grid-on");
    this.root.replaceChildren(
      this.stage, this.status, this.ruler, this.meta, this.timed, this.drafts.root, this.recipe, this.actions, this.spoken,
    );
  }

  button(label, press, className = "") {
    const node = make("button", `omni-button ${className}`, label);
    node.type = "button";
    node.onclick = press;
    this.actions.append(node);
    return node;
  }

  reset() {
    this.channel?.close();
    clearInterval(this.player);
    clearInterval(this.stirring);
    Object.assign(this, {
      channel: null, run: null, seen: new Set(), segments: [], position: -1, last: null, settings: null, told: 0, timing: {},
    });
    this.stage.replaceChildren(this.blank.root);
    this.blank.stir();
    this.ruler.after(this.meta);
    this.bars.replaceChildren();
    this.drafts.clear();
    for (const node of [this.meta, this.status, this.timed, this.recipe, this.spoken]) node.textContent = "";
    this.slider.disabled = true;
    this.phase("idle");
  }

  phase(name) {
    this.root.dataset.phase = name;
    const pictures = this.segments.some((s) => s.modality === "image" || s.modality === "video");
    this.root.classList.toggle("with-sound", this.segments.some((s) => s.modality === "audio"));
    const over = name === "completed" || name === "stopped";
    this.replayButton.hidden = !over;
    this.gridButton.hidden = !pictures;
    for (const button of this.saveButtons) button.hidden = !(over && this.made(button.dataset.type));
    this.linkButton.hidden = !(over && this.links && this.linked());
    this.keepButton.hidden = !(over && this.keepable());
    this.watchButton.hidden = !(this.run && name === "running");
    this.liveButton.hidden = !(this.again && this.recorded && over);
  }

  // ---- what comes in -------------------------------------------------------------------------

  follow(run) {
    if (this.run === run) return;
    this.reset();
    this.recorded = false;
    this.run = run;
    this.channel = new Channel(run, (message) => this.accept(message));
    if (!CALM.matches) this.stirring = setInterval(() => this.blank.stir(), STIR_MS);
    this.phase("waiting");
  }

  calm() {
    clearInterval(this.stirring);
    this.blank.root.remove();
  }

  // A recorded run: {messages: [...]}, played at its own pace.
  async play(trace) {
    this.reset();
    this.recorded = true;
    const mine = (this.playing = Symbol("recorded run"));
    const start = performance.now();
    for (const message of trace.messages) {
      const due = CALM.matches ? 0 : (message.elapsed_s ?? 0) * 1000;
      const wait = due - (performance.now() - start);
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      if (this.playing !== mine || this.run) return;
      this.accept(fromJson(message));
    }
  }

  accept(message) {
    if (this.seen.has(message.number)) return;
    this.seen.add(message.number);
    const { media, ...header } = message;
    const take = {
      waiting: () => this.wait(header.place),
      started: () => this.start(header),
      refined: () => this.refine({ header, media }),
      drafted: () => this.say(this.drafts.add(header, media.picture)),
      sounded: () => this.sound(header, media.samples),
      completed: () => this.finish(header, media),
      stopped: () => this.finish(header, media),
      failed: () => this.fail(header.sentence),
    };
    take[header.kind]?.();
  }

  wait(place) {
    if (this.segments.length || this.last) return;
    const ahead = place === 1 ? "1 run is" : `${place} runs are`;
    this.status.textContent = place ? `${ahead} ahead of yours` : "Starting…";
    this.say(this.status.textContent);
  }

  start(header) {
    if (header.segment === 0 && this.segments.length) this.anew();
    const before = this.segments.at(-1);
    const goesOn = header.modality === "audio" && before?.modality === "audio"; // the next block of a sound
    const view = goesOn ? before.view : new VIEWS[header.modality]();
    const answer = before ? before.answer + !goesOn : 0;
    const offset = this.length;
    const bars = Array.from({ length: header.num_steps }, () => make("i", "omni-bar"));
    bars[0]?.classList.add("first");
    this.bars.append(...bars);
    const { modality, heard } = header;
    this.segments[header.segment] = { view, bars, offset, modality, heard, answer, goesOn, from: header.number, frames: [] };
    if (modality === "audio" && !goesOn) Object.assign(view, { first: header.segment, began: header.elapsed_s });
    if (heard) view.root.classList.add("omni-heard");
    const among = header.after && this.segments.findLast((s) => s.modality === "text" && !s.heard);
    if (among) among.view.open(view.root, header.after);
    else if (!goesOn) this.stage.append(view.root);
    if (view.side) view.side.prepend(this.meta); // the facts stand in the free corner
    this.slider.max = this.length - 1;
    this.settings = header.recipe;
    const part = this.segments.length;
    this.status.textContent = heard > 1 ? `Writing down part ${part} of ${heard}` : "";
    this.calm();
    this.phase("running");
  }

  // The next draft begins where the one before it stood.
  anew() {
    for (const segment of this.segments) segment.view.root.remove();
    this.ruler.after(this.meta);
    this.bars.replaceChildren();
    Object.assign(this, { segments: [], position: -1, told: 0, timing: {} });
  }

  refine(frame) {
    const segment = this.segments[frame.header.segment];
    if (!segment || frame.header.number < segment.from) return; // a late step of an earlier draft
    segment.frames[frame.header.index] = frame;
    const share = mean(frame.header.changed);
    segment.bars[frame.header.index].style.setProperty("--share", Math.sqrt(share).toFixed(3));
    segment.bars[frame.header.index].classList.add("seen");
    if (this.last) return;
    this.show(segment.offset + frame.header.index, true);
    this.progress(frame.header);
    this.time(segment, frame.header);
  }

  // More of a sound is final; it is played where the run is followed live.
  async sound(header, blob) {
    const segment = this.segments[header.segment];
    if (!segment || this.last) return;
    this.timing.sound ??= header.elapsed_s;
    this.timing.sounding = (this.timing.sounding ?? 0) + blob.size / 2 / RATE;
    this.timing.took = header.elapsed_s - segment.view.began;
    this.tellTiming();
    const buffer = await blob.arrayBuffer();
    segment.view.add(floatsOf(buffer), !this.recorded);
  }

  // When what was there, in seconds since the run began.
  time(segment, header) {
    if (segment.modality !== "text") return;
    const name = segment.heard ? "transcript" : "words";
    const done = header.index === segment.bars.length - 1;
    if (segment.heard ? done : this.timing.words === undefined) this.timing[name] = header.elapsed_s;
    this.tellTiming();
  }

  tellTiming() {
    const { transcript, words, sound, sounding, took } = this.timing;
    if (transcript === undefined && sound === undefined) return;
    const facts = [["transcript", transcript], ["first words", words], ["first sound", sound]];
    const shown = facts.filter(([, s]) => s !== undefined).map(([name, s]) => `${name} ${s.toFixed(2)} s`);
    if (sounding) shown.push(`${(took / sounding).toFixed(2)} s of work for a second of sound`);
    this.timed.textContent = shown.join(" · ");
  }

  finish(header, media) {
    this.calm();
    this.last = { header, media };
    this.settings = header.recipe;
    this.slider.disabled = this.length < 2;
    this.phase(header.kind);
    this.show(this.length - 1, false);
    const stopped = header.kind === "stopped" ? `Stopped at step ${this.stepsSeen()}. ` : "";
    this.status.textContent = stopped && header.answers.length === 0 ? "Stopped before it began." : stopped;
    this.recipe.textContent = describe(this.settings, this.recorded);
    if (header.answers.some((a) => a.doubtful)) this.status.textContent = DOUBT;
    const { prompt } = this.settings;
    const spoken = { image: `a picture of ${prompt}`, video: `a film of ${prompt}`, audio: "a sound" };
    const text = header.answers.map((a) => a.text ?? spoken[a.modality]).join(". ");
    this.say(`${stopped}${text}`);
  }

  fail(sentence) {
    this.calm();
    this.last = { header: { answers: [] }, media: {} };
    this.status.textContent = sentence;
    this.say(sentence);
    this.phase("failed");
  }

  // ---- what is shown -------------------------------------------------------------------------

  get length() {
    return this.segments.reduce((sum, segment) => sum + segment.bars.length, 0);
  }

  stepsSeen() {
    const segment = this.segments.at(-1);
    return segment ? `${segment.frames.length} of ${segment.bars.length}` : "0";
  }

  show(position, live) {
    this.position = position;
    this.slider.value = position;
    const final = this.last && position >= this.length - 1;
    this.segments.forEach((segment) => {
      const local = position - segment.offset;
      if (!segment.goesOn) segment.view.root.hidden = local < 0;
      segment.bars.forEach((bar, k) => bar.classList.toggle("past", k <= local));
      const frame = nearest(segment.frames, Math.min(local, segment.bars.length - 1));
      if (local < 0 || !frame) return;
      const passed = local >= segment.bars.length;
      segment.view.show(frame, live && !passed, ...["x_1", "x_t"].map((name) => nearest(segment.frames, frame.header.index, name)));
      const answer = this.last?.header.answers[segment.answer];
      if (answer && (final || passed)) {
        const alone = this.last.header.answers.length === 1;
        segment.view.finish(answer, this.last.media[`answer_${segment.answer}`], this.settings.prompt, alone);
      } else if (passed) {
        segment.view.settle(frame);
      }
      if (!passed) this.tell(frame.header);
    });
  }

  tell(header) {
    const facts = [
      ["step", `${header.index + 1} / ${header.num_steps}`],
      ["t", header.t.toFixed(2)],
      ["evaluations", header.nfe],
      ["seconds", header.elapsed_s.toFixed(header.elapsed_s < 1 ? 2 : 1)],
    ];
    this.meta.replaceChildren(
      ...facts.map(([name, value]) => make("span", "", make("b", "", String(value)), ` ${name}`)),
    );
    this.slider.setAttribute("aria-valuetext", `step ${header.index + 1} of ${header.num_steps}`);
  }

  scrub(position) {
    clearInterval(this.player);
    this.show(position, false);
  }

  replay() {
    clearInterval(this.player);
    let position = 0;
    this.show(position, true);
    this.player = setInterval(() => {
      position += 1;
      this.show(Math.min(position, this.length - 1), true);
      if (position >= this.length - 1) clearInterval(this.player);
    }, Math.max(40, REPLAY_MS / Math.max(this.length, 1)));
  }

  toggleGrid() {
    const on = this.root.classList.toggle("grid-on");
    this.gridButton.setAttribute("aria-pressed", String(on));
  }

  // A progress sentence at each quarter, never every step.
  progress(header) {
    const quarter = Math.floor((4 * (header.index + 1)) / header.num_steps);
    if (quarter === this.told) return;
    this.told = quarter;
    this.say(`Refining, step ${header.index + 1} of ${header.num_steps}.`);
  }

  say(sentence) {
    if (sentence) this.spoken.textContent = sentence;
  }

  // ---- what can be taken away ----------------------------------------------------------------

  // What there is of a kind of media in the answer.
  made(type) {
    return Object.values(this.last?.media ?? {}).find((blob) => blob.type === type);
  }

  download(type) {
    const link = make("a");
    link.href = URL.createObjectURL(this.made(type));
    link.download = fileName(this.settings, FILES[type]);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Whether there is something that the gallery can hold.
  keepable() {
    const kinds = ["image/png", "video/mp4", "audio/wav"];
    return finds() && this.run && kinds.some((type) => this.made(type));
  }

  // The tab in which a link makes the run again; none where more than words was given.
  linked() {
    if (this.settings.given?.length) return null;
    return (this.made("video/mp4") && "video") || (this.made("image/png") && "image");
  }

  copyLink() {
    return this.copy(this.linkButton, linkTo(this.settings, this.linked()));
  }

  copyWatchAddress() {
    return this.copy(this.watchButton, liveUrl(this.run).toString());
  }

  async copy(button, text) {
    const label = button.textContent;
    button.dataset.link = text;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      prompt("Copy this:", text);
    }
    setTimeout(() => (button.textContent = label), 1800);
  }
}
