// The gallery: look for anything with anything; what is found plays where it stands.

import { button, make } from "../dom.js";
import { galleryRequest } from "./api.js";
import { Filters } from "./filters.js";
import { ItemCard } from "./item_card.js";
import { ItemView, showScore } from "./item_view.js";
import { MapView } from "./map_view.js";
import { masonry, wallColumns } from "./masonry.js";
import { QueryBar } from "./query_bar.js";

const DEBOUNCE_MS = 150; // after the last key, before a query is sent
const POLL_MS = 900; // between two looks at what is embedded in the background
const RESULTS = 60;
const MOST_RESULTS = 240;
const NO_EMBEDDING =
  "This checkpoint was not trained to find things by what they mean: here it is looked for the words of the captions.";

export class GalleryView {
  // value: {viewer, finds, makes: {modality: tab}, examples: [{words, item}], num}; trigger: called
  // with "send" or "again" and an item
  constructor(root, value, trigger) {
    Object.assign(this, { root, value, trigger, viewer: value.viewer });
    Object.assign(this, { seed: newSeed(), tiles: new Map(), shown: [], k: RESULTS });
    this.card = new ItemCard(this);
    const open = (item) => this.card.open(item);
    const failed = (sentence) => this.say(sentence, true);
    this.itemView = new ItemView({ open, failed, loaded: () => this.layOutSoon() });
    this.map = new MapView(open, (item) => this.itemView.picture(item));
    this.filters = new Filters(() => this.searchAnew());
    this.queryBar = new QueryBar(value.finds, {
      typed: () => this.searchSoon(),
      entered: () => this.search(),
      given: () => this.showGiven(),
      say: (sentence, bad) => this.say(sentence, bad),
    });
    this.build();
    document.addEventListener("omni-kept", () => this.refresh());
    new ResizeObserver(() => this.layOut()).observe(this.wall);
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.begin()).observe(root);
  }

  setVisitor(value) {
    if (value.viewer === this.viewer) return;
    Object.assign(this, { value, viewer: value.viewer });
    if (this.begun) this.refresh();
  }

  begin() {
    if (this.begun) return;
    this.begun = true;
    this.refresh();
  }

  refresh() {
    this.updateState();
    this.search();
  }

  // ---- layout ----------------------------------------------------------------------------------

  build() {
    const examples = this.value.examples.map((example) => this.example(example));
    this.notes = make("div", "omni-notes");
    this.progress = make("p", "omni-progress");
    this.status = make("p", "omni-found");
    this.status.setAttribute("role", "status");
    this.wallButton = button("Wall", () => this.showMap(false));
    this.mapButton = button("Map", () => this.showMap(true));
    this.mapButton.disabled = !this.value.finds;
    this.pressView(false);
    const shuffle = button("Shuffle", () => this.shuffle());
    const views = make("div", "omni-views", this.wallButton, this.mapButton, shuffle);
    this.wall = make("div", "omni-wall");
    this.more = button("Show more", () => this.showMore());
    this.more.hidden = true;
    this.map.root.hidden = true;
    this.root.classList.add("omni-gallery");
    this.root.replaceChildren(
      make("div", "omni-ask-gallery", this.queryBar.root, make("div", "omni-chips", ...examples)),
      this.notes,
      this.progress,
      make("div", "omni-filters", this.filters.kinds, views),
      this.filters.folded,
      this.status,
      this.map.root,
      this.wall,
      this.more,
    );
    this.root.addEventListener("dragover", (event) => event.preventDefault());
    const drop = (event) => this.queryBar.take(event, event.dataTransfer.files);
    this.root.addEventListener("drop", drop);
  }

  example({ words, item }) {
    const thumbnail = () => this.itemView.thumbnail({ id: item });
    const act = () => this.queryBar.give(item ? { item, thumbnail: thumbnail() } : null, words);
    const chip = button(words || "like this", act, { className: "omni-chip" });
    if (item) chip.prepend(thumbnail());
    return chip;
  }

  pressView(asMap) {
    this.wallButton.setAttribute("aria-pressed", String(!asMap));
    this.mapButton.setAttribute("aria-pressed", String(asMap));
  }

  // ---- queries ---------------------------------------------------------------------------------

  get query() {
    const { modalities, tags } = this.filters;
    const chosen = { modalities: [...modalities], tags: [...tags] };
    const { viewer, k, seed } = this;
    return { viewer, ...this.queryBar.query, k, seed, ...chosen };
  }

  searchSoon() {
    clearTimeout(this.waiting);
    this.k = RESULTS;
    this.waiting = setTimeout(() => this.search(), DEBOUNCE_MS);
  }

  searchAnew() {
    this.k = RESULTS;
    this.search();
  }

  showMore() {
    this.k += RESULTS;
    this.search();
  }

  showGiven() {
    this.showMap(false);
    this.searchAnew();
  }

  // Look for what is like an item.
  searchLike(item) {
    const name = make("b", "", item.caption.slice(0, 24));
    const thumbnail = this.itemView.picture(item) ?? name;
    this.queryBar.give({ item: item.id, thumbnail }, "");
  }

  shuffle() {
    this.seed = newSeed();
    this.queryBar.give(null, "");
  }

  chooseTag(tag) {
    this.filters.chooseTag(tag);
    this.search();
  }

  // The newest query is the only one whose answer is shown.
  async search() {
    clearTimeout(this.waiting);
    this.request?.abort();
    const mine = new AbortController();
    this.request = mine;
    const start = performance.now();
    try {
      const found = await galleryRequest("search", this.query, { signal: mine.signal });
      if (this.request === mine) this.show(found, performance.now() - start);
    } catch (error) {
      const isNewest = this.request === mine && error.name !== "AbortError";
      if (isNewest) this.say(error.message, true);
    }
  }

  // What there is, again and again until everything can be found.
  async updateState() {
    clearTimeout(this.polling);
    const state = await galleryRequest("state", { viewer: this.viewer }).catch(() => null);
    if (!state) return;
    const { growing, ready, num, finds, troubles } = state;
    const known = `Getting to know the collection: ${ready} of ${num} can be found so far.`;
    this.progress.textContent = growing ? known : "";
    this.progress.style.setProperty("--share", num ? ready / num : 1);
    const notes = [...(finds ? [] : [NO_EMBEDDING]), ...troubles];
    this.notes.replaceChildren(...notes.map((text) => make("p", "", text)));
    this.filters.offer(state);
    if (growing) this.polling = setTimeout(() => this.updateState(), POLL_MS);
    else if (this.grew) this.search();
    this.grew = growing;
  }

  // ---- results ---------------------------------------------------------------------------------

  show(found, took) {
    const { items, troubles } = found;
    this.shown = items;
    this.say([resultSentence(found, took), ...troubles].join(" "), troubles.length > 0);
    this.more.hidden = items.length < this.k || this.k >= MOST_RESULTS;
    const wanted = new Set(items.map((item) => item.id));
    for (const [id, tile] of this.tiles) {
      if (wanted.has(id)) continue;
      tile.remove();
      this.tiles.delete(id);
    }
    items.forEach((item, i) => this.place(item, i));
    this.map.mark(found.selection ? [] : wanted);
    this.layOut();
  }

  // A tile that stands there already is kept.
  place(item, i) {
    const tile = this.tiles.get(item.id) ?? this.itemView.tile(item);
    this.tiles.set(item.id, tile);
    tile.item = item;
    showScore(tile.querySelector(".omni-score"), item.score, this.value.finds);
    const there = this.wall.children[i];
    if (there !== tile) this.wall.insertBefore(tile, there ?? null);
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", bad);
  }

  layOutSoon() {
    cancelAnimationFrame(this.layingOut);
    this.layingOut = requestAnimationFrame(() => this.layOut());
  }

  layOut() {
    const wide = this.wall.clientWidth;
    if (!wide) return;
    const columns = wallColumns(wide);
    this.wall.style.setProperty("--width", `${columns.width}px`);
    const tiles = this.shown.map((item) => this.tiles.get(item.id));
    const heights = tiles.map((tile) => tile.offsetHeight);
    const { places, height } = masonry(heights, columns);
    places.forEach(([x, y], i) => {
      tiles[i].style.transform = `translate(${x}px, ${y}px)`;
    });
    this.wall.style.height = `${height}px`;
  }

  async showMap(asMap) {
    this.pressView(asMap);
    this.map.root.hidden = !asMap;
    this.wall.hidden = asMap;
    if (!asMap) return this.layOut();
    this.map.wait();
    try {
      const { places } = await galleryRequest("map", { viewer: this.viewer });
      this.map.setPlaces(places);
      this.map.mark(this.queryBar.isFilled ? this.shown.map((item) => item.id) : []);
    } catch (error) {
      this.say(error.message, true);
    }
  }
}

function newSeed() {
  return Math.floor(Math.random() * 2 ** 31);
}

function resultSentence({ items, missing, selection }, took) {
  const gone = missing ? ` The files of ${missing} are gone: they are left out.` : "";
  if (selection && !items.length) return "There is nothing of this kind here.";
  if (selection) return `A little of everything.${gone}`;
  const count = items.length === 1 ? "1 result" : `${items.length} results`;
  const found = items.length ? count : "Nothing is found: try other words, or fewer filters";
  return `${found} in ${Math.round(took)} ms.${gone}`;
}
