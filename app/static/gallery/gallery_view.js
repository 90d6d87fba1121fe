// The gallery: look for anything with anything; what is found plays where it stands.

const WAIT_MS = 150; // after the last key, before a query is sent
const AGAIN_MS = 900; // between two looks at what is embedded in the background
const RESULTS = 60;
const COLUMN_PX = 176;
const GAP_PX = 14;
const KINDS = { image: "Pictures", video: "Films", audio: "Sounds", text: "Sentences" };

const CLIP = "M8 12.5l6.5-6.5a3 3 0 0 1 4.2 4.2l-8.4 8.4a5 5 0 0 1-7-7L11 4";
const MICROPHONE = "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21";

// A button with a drawing; name: what it does.
function drawn(path, act, name) {
  const node = press("", act, name);
  node.innerHTML = `<svg viewBox='0 0 24 24' aria-hidden='true'><path d='${path}'/></svg>`;
  node.classList.add("omni-drawn");
  node.title = name;
  return node;
}

class GalleryView {
  // value: {viewer, finds, makes, examples: [{words, item}], num}
  constructor(root, value, trigger) {
    Object.assign(this, { root, value, trigger, given: null, viewer: value.viewer });
    this.chosen = { modalities: new Set(), tags: new Set() };
    this.seed = Math.floor(Math.random() * 2 ** 31);
    this.nodes = new Map();
    this.shown = [];
    this.k = RESULTS;
    this.card = new GalleryCard(this);
    const open = (item) => this.card.open(item);
    this.display = new Display({ open, failed: (text) => this.say(text, true), loaded: () => this.laySoon() });
    this.display.viewer = value.viewer;
    this.map = new GalleryMap(open, (item) => this.display.picture(item));
    this.build();
    document.addEventListener("omni-kept", () => this.refresh());
    new ResizeObserver(() => this.lay()).observe(this.wall);
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.begin()).observe(root);
  }

  greet(value) {
    if (value.viewer === this.viewer) return;
    Object.assign(this, { value, viewer: value.viewer });
    this.display.viewer = value.viewer;
    if (this.begun) this.refresh();
  }

  begin() {
    if (this.begun) return;
    this.begun = true;
    this.refresh();
  }

  refresh() {
    this.look();
    this.search();
  }

  // ---- what stands there ---------------------------------------------------------------------

  build() {
    this.words = make("input", "omni-query");
    Object.assign(this.words, { type: "search", placeholder: "a red car at night", maxLength: 500, autocomplete: "off", spellcheck: false });
    this.words.setAttribute("aria-label", "what to look for");
    this.words.oninput = () => this.later();
    this.words.onkeydown = (event) => {
      if (event.key === "Enter") this.search();
    };
    this.chip = make("span", "omni-given");
    this.file = Object.assign(make("input"), { type: "file", hidden: true, accept: "image/*,audio/*,video/*" });
    this.file.onchange = () => this.file.files[0] && this.give(this.file.files[0]);
    const attach = drawn(CLIP, () => this.file.click(), "look for a picture, a sound or a film of yours");
    this.record = drawn(MICROPHONE, () => this.listen(), "look for what you say");
    this.bar = make("div", "omni-bar-query", this.chip, this.words, attach, this.record, this.file);
    this.examples = make("div", "omni-chips");
    this.notes = make("div", "omni-notes");
    this.progress = make("p", "omni-progress");
    this.status = make("p", "omni-found");
    this.status.setAttribute("role", "status");
    this.kinds = make("div", "omni-kinds");
    this.tags = make("div", "omni-tags");
    this.views = make("div", "omni-views");
    this.wall = make("div", "omni-wall");
    this.more = press("Show more", () => ((this.k += RESULTS), this.search()));
    this.more.hidden = true;
    this.root.classList.add("omni-gallery");
    this.map.root.hidden = true;
    const filters = make("div", "omni-filters", this.kinds, this.views);
    this.folded = make("details", "omni-tagged", make("summary", "", "Tags"), this.tags);
    this.root.replaceChildren(
      make("div", "omni-ask-gallery", this.bar, this.examples), this.notes, this.progress, filters, this.folded,
      this.status, this.map.root, this.wall, this.more,
    );
    this.views.append(this.view("Wall", false), this.view("Map", true), press("Shuffle", () => this.shuffle()));
    for (const button of [attach, this.record]) button.disabled = !this.value.finds;
    if (!navigator.mediaDevices) this.record.hidden = true;
    this.examples.append(...this.value.examples.map((example) => this.example(example)));
    this.takeFiles();
  }

  view(label, asMap) {
    const button = press(label, () => this.wander(asMap));
    button.setAttribute("aria-pressed", String(!asMap));
    button.disabled = asMap && !this.value.finds;
    return button;
  }

  example({ words, item }) {
    const chip = make("button", "omni-chip", ...(item ? [this.display.thumbnail({ id: item })] : []), words || "like this");
    chip.type = "button";
    chip.onclick = () => {
      this.words.value = words;
      this.offer(item ? { item, thumbnail: this.display.thumbnail({ id: item }) } : null);
    };
    return chip;
  }

  takeFiles() {
    this.root.addEventListener("dragover", (event) => event.preventDefault());
    const take = (event, files) => {
      if (!files?.length || !this.value.finds) return;
      event.preventDefault();
      this.give(files[0]);
    };
    this.root.addEventListener("drop", (event) => take(event, event.dataTransfer.files));
    this.bar.addEventListener("paste", (event) => take(event, event.clipboardData.files));
  }

  // ---- what is asked -------------------------------------------------------------------------

  get asked() {
    const { upload = "", item = "" } = this.given ?? {};
    return {
      viewer: this.viewer, words: this.words.value.trim(), upload, item, k: this.k, seed: this.seed,
      modalities: [...this.chosen.modalities], tags: [...this.chosen.tags],
    };
  }

  // given: {item or upload, thumbnail}, or null
  offer(given) {
    this.given = given;
    this.chip.replaceChildren();
    if (given) {
      const away = press("×", () => this.offer(null), "take away what is given");
      this.chip.append(given.thumbnail, away);
    }
    this.words.placeholder = given ? "… and in words what to change" : "a red car at night";
    this.k = RESULTS;
    this.wander(false);
    this.search();
  }

  async give(file) {
    this.say("Reading it …");
    try {
      const found = await askGallery("give", file, { values: { name: file.name || "recording.wav" } });
      const url = URL.createObjectURL(file);
      const seen = file.type.startsWith("image/");
      const thumbnail = seen ? Object.assign(make("img"), { src: url, alt: "your picture" }) : make("b", "", KINDS[found.modality].slice(0, -1));
      this.offer({ upload: found.upload, thumbnail });
    } catch (error) {
      this.say(error.message, true);
    }
    this.file.value = "";
  }

  // The first press records, the second looks for what was said.
  async listen() {
    if (this.recorder) {
      this.recorder.stop();
      this.recorder = null;
      this.record.setAttribute("aria-pressed", "false");
      return this.give(new File([waveOf(joined(this.heard))], "recording.wav", { type: "audio/wav" }));
    }
    this.heard = [];
    const recorder = new Recorder((samples) => this.heard.push(samples));
    try {
      await recorder.start();
    } catch {
      return this.say("The microphone cannot be used: allow it in the browser, or give a file.", true);
    }
    this.recorder = recorder;
    this.record.setAttribute("aria-pressed", "true");
    this.say("Say it, then press again.");
  }

  later() {
    clearTimeout(this.waiting);
    this.k = RESULTS;
    this.waiting = setTimeout(() => this.search(), WAIT_MS);
  }

  // The newest query is the only one whose answer is shown.
  async search() {
    clearTimeout(this.waiting);
    this.asking?.abort();
    const mine = (this.asking = new AbortController());
    const began = performance.now();
    try {
      const found = await askGallery("search", this.asked, { signal: mine.signal });
      if (this.asking !== mine) return;
      this.show(found, performance.now() - began);
    } catch (error) {
      if (this.asking === mine && error.name !== "AbortError") this.say(error.message, true);
    }
  }

  shuffle() {
    this.seed = Math.floor(Math.random() * 2 ** 31);
    this.words.value = "";
    this.offer(null);
  }

  // What there is, again and again until everything can be found.
  async look() {
    clearTimeout(this.looking);
    const state = await askGallery("state", { viewer: this.viewer }).catch(() => null);
    if (!state) return;
    const { growing } = state;
    this.progress.textContent = growing ? `Getting to know the collection: ${state.ready} of ${state.num} can be found so far.` : "";
    this.progress.style.setProperty("--share", state.num ? state.ready / state.num : 1);
    const blind = "This checkpoint was not trained to find things by what they mean: here it is looked for the words of the captions.";
    this.notes.replaceChildren(...[...(state.finds ? [] : [blind]), ...state.troubles].map((text) => make("p", "", text)));
    this.offerFilters(state);
    if (growing) this.looking = setTimeout(() => this.look(), AGAIN_MS);
    else if (this.grew) this.search();
    this.grew = growing;
  }

  offerFilters({ counts, tags }) {
    const key = JSON.stringify([counts, tags]);
    if (this.filters === key) return;
    this.filters = key;
    const kinds = Object.keys(KINDS).filter((kind) => counts[kind]);
    this.kinds.replaceChildren(...kinds.map((kind) => {
      const button = this.toggle(KINDS[kind], this.chosen.modalities, kind);
      button.prepend(make("i", `omni-dot ${kind}`));
      button.append(make("small", "", String(counts[kind])));
      return button;
    }));
    this.tags.replaceChildren(...tags.map((tag) => this.toggle(tag, this.chosen.tags, tag)));
    this.folded.hidden = !tags.length;
  }

  toggle(label, set, value) {
    const button = make("button", "omni-chip omni-filter", label);
    button.type = "button";
    button.dataset.value = value;
    button.setAttribute("aria-pressed", String(set.has(value)));
    button.onclick = () => {
      if (!set.delete(value)) set.add(value);
      button.setAttribute("aria-pressed", String(set.has(value)));
      this.k = RESULTS;
      this.search();
    };
    return button;
  }

  tagged(tag) {
    this.chosen.tags.add(tag);
    if (!this.tags.querySelector(`[data-value="${CSS.escape(tag)}"]`)) this.tags.append(this.toggle(tag, this.chosen.tags, tag));
    this.tags.querySelector(`[data-value="${CSS.escape(tag)}"]`).setAttribute("aria-pressed", "true");
    this.folded.open = true;
    this.search();
  }

  // ---- what is shown -------------------------------------------------------------------------

  show(found, took) {
    this.shown = found.items;
    this.say([this.told(found, took), ...found.troubles].join(" "), found.troubles.length > 0);
    this.more.hidden = found.items.length < this.k || this.k >= 4 * RESULTS;
    const wanted = new Set(found.items.map((item) => item.id));
    for (const [id, node] of this.nodes) {
      if (wanted.has(id)) continue;
      node.remove();
      this.nodes.delete(id);
    }
    found.items.forEach((item, i) => {
      const node = this.nodes.get(item.id) ?? this.display.tile(item);
      this.nodes.set(item.id, node);
      node.item = item;
      score(node.querySelector(".omni-score"), item.score, this.value.finds);
      if (this.wall.children[i] !== node) this.wall.insertBefore(node, this.wall.children[i] ?? null);
    });
    this.map.mark(found.selection ? [] : found.items.map((item) => item.id));
    this.lay();
  }

  told({ items, missing, selection }, took) {
    const gone = missing ? ` The files of ${missing} are gone: they are left out.` : "";
    if (selection) return items.length ? `A little of everything.${gone}` : "There is nothing of this kind here.";
    const num = items.length === 1 ? "1 result" : `${items.length} results`;
    return `${items.length ? num : "Nothing is found: try other words, or fewer filters"} in ${Math.round(took)} ms.${gone}`;
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", bad);
  }

  laySoon() {
    cancelAnimationFrame(this.laying);
    this.laying = requestAnimationFrame(() => this.lay());
  }

  // Every tile goes where the wall is lowest, best first.
  lay() {
    const wide = this.wall.clientWidth;
    if (!wide) return;
    const num = Math.max(2, Math.floor((wide + GAP_PX) / (COLUMN_PX + GAP_PX)));
    const width = (wide - GAP_PX * (num - 1)) / num;
    this.wall.style.setProperty("--width", `${width}px`);
    const tiles = this.shown.map((item) => this.nodes.get(item.id));
    const tall = tiles.map((tile) => tile.offsetHeight);
    const columns = new Array(num).fill(0);
    tiles.forEach((tile, i) => {
      const at = columns.indexOf(Math.min(...columns));
      tile.style.transform = `translate(${at * (width + GAP_PX)}px, ${columns[at]}px)`;
      columns[at] += tall[i] + GAP_PX;
    });
    this.wall.style.height = `${Math.max(0, ...columns)}px`;
  }

  async wander(asMap) {
    const [onWall, onMap] = this.views.children;
    onWall.setAttribute("aria-pressed", String(!asMap));
    onMap.setAttribute("aria-pressed", String(asMap));
    this.map.root.hidden = !asMap;
    this.wall.hidden = asMap;
    if (!asMap) return this.lay();
    this.map.wait();
    try {
      const { places } = await askGallery("map", { viewer: this.viewer });
      this.map.lay(places);
      this.map.mark(this.asked.words || this.given ? this.shown.map((item) => item.id) : []);
    } catch (error) {
      this.say(error.message, true);
    }
  }
}
