// The words that the checkpoint knows: kinds of things with a search box, colours, places, motions.
// A press writes the wish.

import { button, make } from "../dom.js";
import { begun, partsOf, withColour, withPhrase, withThing } from "./wish.js";

const KINDS = {
  animal: "animals",
  plant: "plants",
  food: "food",
  vehicle: "vehicles",
  building: "buildings",
  nature: "nature",
  instrument: "music",
  clothes: "clothes",
  tool: "tools",
  toy: "toys",
  furniture: "at home",
  machine: "machines",
  object: "other things",
  shape: "shapes",
};

export class PaletteView {
  // words: see wish.js, with things: {kind: [said]}; field: {text, write(text)} of the prompt
  constructor(root, words, field) {
    this.words = words;
    this.field = field;
    this.kind = Object.keys(words.things)[0];
    this.coloured = new Set(words.coloured);
    this.search = make("input", "omni-search");
    Object.assign(this.search, { type: "search", placeholder: "find a word" });
    this.search.setAttribute("aria-label", "Find a word");
    this.search.oninput = () => this.showThings();
    this.kinds = make("div", "omni-chips");
    this.things = make("div", "omni-chips omni-words");
    this.phrases = make("div", "omni-phrases");
    root.replaceChildren(
      this.row("colours", Object.keys(words.colours), (colour) => this.colour(colour)),
      this.search,
      this.group("kinds of things", this.kinds),
      this.group("things", this.things),
      this.row("places", words.places, (phrase) => this.phrase("place", phrase)),
      this.row("motions", words.motions, (phrase) => this.phrase("motion", phrase)),
    );
    this.showKinds();
    this.showThings();
    field.changed(() => this.mark());
    this.mark();
  }

  group(name, chips) {
    chips.setAttribute("role", "group");
    chips.setAttribute("aria-label", name);
    return chips;
  }

  row(name, words, press) {
    const chips = words.map((word) => this.chip(word, () => press(word)));
    const row = this.group(name, make("div", "omni-chips", ...chips));
    row.hidden = !words.length;
    return row;
  }

  chip(word, press) {
    const chip = button(word, press, { className: "omni-chip omni-wish-word" });
    chip.dataset.word = word;
    const colour = this.words.colours[word];
    if (colour)
      chip.prepend(Object.assign(make("i", "omni-dot"), { style: `background:${colour}` }));
    return chip;
  }

  showKinds() {
    const chips = Object.keys(this.words.things).map((kind) => {
      const shown = KINDS[kind] ?? kind;
      const chip = button(shown, () => this.choose(kind), { className: "omni-chip omni-kind" });
      chip.setAttribute("aria-pressed", String(kind === this.kind));
      return chip;
    });
    this.kinds.replaceChildren(...chips);
  }

  choose(kind) {
    this.kind = kind;
    this.search.value = "";
    this.showKinds();
    this.showThings();
  }

  showThings() {
    const asked = this.search.value.trim().toLowerCase();
    const all = Object.values(this.words.things).flat();
    const found = asked
      ? all.filter((said) => nameOf(said).includes(asked))
      : this.words.things[this.kind];
    const none = make("span", "omni-none", `no “${asked}” among ${all.length} things`);
    const chips = found.map((said) => this.thing(said));
    this.things.replaceChildren(...(chips.length ? chips : [none]));
    this.mark();
  }

  thing(said) {
    return this.chip(nameOf(said), () => this.write(withThing(this.field.text, said, this.words)));
  }

  colour(colour) {
    this.write(withColour(this.field.text, colour, this.words));
  }

  phrase(part, phrase) {
    this.write(withPhrase(this.field.text, part, phrase, this.words));
  }

  write(text) {
    this.field.write(text);
    this.mark();
  }

  // Pressed is what the wish has; where a colour waits, only what takes one can be pressed.
  mark() {
    const wish = partsOf(this.field.text, this.words);
    const { colour } = begun(wish.things, this.words);
    for (const chip of this.things.querySelectorAll("button"))
      chip.disabled = Boolean(colour) && !this.coloured.has(chip.dataset.word);
    for (const chip of this.things.parentElement?.querySelectorAll("[data-word]") ?? []) {
      const { word } = chip.dataset;
      if (this.things.contains(chip)) continue;
      chip.setAttribute("aria-pressed", String([colour, wish.place, wish.motion].includes(word)));
    }
  }
}

const nameOf = (said) => said.replace(/^an? /, "");
