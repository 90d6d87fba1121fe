// The filters of the gallery: kinds of items and tags, pressed or not.

import { button, make } from "../dom.js";
import { MODALITY_LABELS } from "./modalities.js";

export class Filters {
  // changed: called when something is pressed
  constructor(changed) {
    this.changed = changed;
    this.modalities = new Set();
    this.tags = new Set();
    this.kinds = make("div", "omni-kinds");
    this.tagRow = make("div", "omni-tags");
    this.folded = make("details", "omni-tagged", make("summary", "", "Tags"), this.tagRow);
  }

  // counts: of items by modality; tags: the most common ones
  offer({ counts, tags }) {
    const key = JSON.stringify([counts, tags]);
    if (this.offered === key) return;
    this.offered = key;
    const modalities = Object.keys(MODALITY_LABELS).filter((modality) => counts[modality]);
    this.kinds.replaceChildren(
      ...modalities.map((modality) => {
        const node = this.toggle(MODALITY_LABELS[modality], this.modalities, modality);
        node.prepend(make("i", `omni-dot ${modality}`));
        node.append(make("small", "", String(counts[modality])));
        return node;
      }),
    );
    this.tagRow.replaceChildren(...tags.map((tag) => this.toggle(tag, this.tags, tag)));
    this.folded.hidden = !tags.length;
  }

  toggle(label, chosen, value) {
    const press = () => {
      if (!chosen.delete(value)) chosen.add(value);
      node.setAttribute("aria-pressed", String(chosen.has(value)));
      this.changed();
    };
    const node = button(label, press, { className: "omni-chip omni-filter" });
    node.dataset.value = value;
    node.setAttribute("aria-pressed", String(chosen.has(value)));
    return node;
  }

  // Choose a tag that may not be among the most common.
  chooseTag(tag) {
    this.tags.add(tag);
    const selector = `[data-value="${CSS.escape(tag)}"]`;
    if (!this.tagRow.querySelector(selector)) this.tagRow.append(this.toggle(tag, this.tags, tag));
    this.tagRow.querySelector(selector).setAttribute("aria-pressed", "true");
    this.folded.open = true;
  }
}
