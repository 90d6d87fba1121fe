// One item large: what it is, where it is from, what can be done with it, and why it was found.

import { SAMPLE_RATE } from "../audio/pcm.js";
import { drawSound } from "../audio/sound_canvas.js";
import { stopPreviewIn } from "../audio/sound_preview.js";
import { button, make } from "../dom.js";
import { linkTo } from "../live/recipe.js";
import { percent } from "../numbers.js";
import { openTab } from "../page/tabs.js";
import { galleryRequest } from "./api.js";
import { attributionRows, attributionVeil } from "./attribution.js";

const MADE = { image: "picture", video: "film", audio: "sound" };

export class ItemCard {
  // gallery: the view that it belongs to
  constructor(gallery) {
    this.gallery = gallery;
    this.root = make("dialog", "omni-card");
    this.root.setAttribute("aria-label", "an item of the gallery");
    this.root.onclick = (event) => {
      if (event.target === this.root) this.root.close();
    };
    this.root.onkeydown = (event) => this.key(event);
    this.root.onclose = () => stopPreviewIn(this.root);
  }

  open(item) {
    this.item = item;
    if (!this.root.isConnected) this.gallery.root.append(this.root);
    this.said = make("p", "omni-said");
    this.said.setAttribute("role", "status");
    this.reason = make("section", "omni-why");
    const close = button("×", () => this.root.close(), { name: "close" });
    close.classList.add("omni-close");
    this.media = make("div", `omni-media ${item.modality}`, ...this.preview(item));
    const title = item.modality === "text" ? "A sentence" : item.caption || item.text;
    const about = make(
      "div",
      "omni-about-item",
      make("h3", "", title),
      make("p", "omni-facts-item", this.facts(item)),
      this.tags(item),
      make("div", "omni-actions", ...this.actions(item)),
      this.said,
      this.reason,
    );
    this.root.replaceChildren(close, this.media, about);
    if (!this.root.open) this.root.showModal();
    if (item.modality === "audio") this.drawAudio(item);
  }

  // Left and right go to the next item that is shown.
  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { shown } = this.gallery;
    const at = shown.findIndex((item) => item.id === this.item.id);
    if (!step || at < 0 || event.target.closest("audio, video")) return;
    const next = shown[at + step];
    if (next) this.open(next);
  }

  preview(item) {
    const { itemView } = this.gallery;
    const picture = itemView.picture(item);
    if (picture) return [make("div", "omni-frame-item", picture)];
    if (item.modality === "text") return [make("p", "omni-quote", item.text || item.caption)];
    this.canvas = make("canvas", "omni-sound");
    return [make("div", "omni-frame-item", this.canvas), itemView.player(item)];
  }

  // What a sound looks like.
  async drawAudio(item) {
    const { canvas } = this;
    try {
      const answer = await fetch(this.gallery.itemView.source(item));
      if (!answer.ok) throw new Error((await answer.json()).sentence);
      const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
      const samples = (await context.decodeAudioData(await answer.arrayBuffer())).getChannelData(0);
      drawSound(canvas, samples, samples.length, samples.length / SAMPLE_RATE);
    } catch (error) {
      canvas.replaceWith(make("p", "omni-gone", error.message || "its file is gone"));
    }
  }

  facts(item) {
    const words = [
      item.kind || item.modality,
      item.mine ? "kept by you for this visit" : item.from,
    ];
    if (item.made) {
      const { seed, steps, guidance, method } = item.made;
      words.push(`seed ${seed}`);
      if (steps != null) words.push(`${steps} steps`);
      if (guidance != null) words.push(`guidance ${guidance}`);
      if (method) words.push(method);
    }
    if (item.score != null) {
      const { finds } = this.gallery.value;
      words.push(finds ? `score ${item.score.toFixed(2)}` : `${percent(item.score)} of your words`);
    }
    return words.filter(Boolean).join(" · ");
  }

  tags(item) {
    const choose = (tag) => {
      this.root.close();
      this.gallery.chooseTag(tag);
    };
    const chip = (tag) => button(tag, () => choose(tag), { className: "omni-chip" });
    return make("div", "omni-chips", ...item.tags.map(chip));
  }

  actions(item) {
    const { gallery, root } = this;
    const { finds, makes } = gallery.value;
    const { modality, made } = item;
    const noun = MADE[modality];
    const like = () => {
      root.close();
      gallery.searchLike(item);
    };
    const change = () => {
      like();
      gallery.queryBar.words.focus();
    };
    const bring = (event, tab) => {
      root.close();
      gallery.trigger(event, { item: item.id });
      openTab(tab);
    };
    const linked = made && !made.given?.length && modality !== "audio";
    return [
      finds && button("More like this", like),
      finds && modality === "image" && button("Change it in words", change),
      finds && gallery.queryBar.isFilled && button("Why?", () => this.explain(item)),
      button("Send to chat", () => bring("send", "chat")),
      noun &&
        makes[modality] &&
        button(`Make a ${noun} like this`, () => bring("again", makes[modality])),
      linked && settingsLink(item),
      item.mine && button("Take it out", () => this.takeOut(item)),
    ].filter(Boolean);
  }

  async takeOut(item) {
    try {
      await galleryRequest("take_out", { viewer: this.gallery.viewer, item: item.id });
      this.root.close();
      this.gallery.refresh();
    } catch (error) {
      this.said.textContent = error.message;
    }
  }

  async explain(item) {
    this.said.textContent = "Leaving out one piece after another …";
    try {
      const found = await galleryRequest("why", { ...this.gallery.query, found: item.id });
      if (this.item !== item) return;
      this.said.textContent = "";
      this.showReason(item, found);
    } catch (error) {
      this.said.textContent = error.message;
    }
  }

  showReason({ modality }, found) {
    this.reason.replaceChildren(...attributionRows(modality, found));
    if (found.labels.length || !found.pieces.length) return;
    this.media.querySelector(".omni-veil")?.remove();
    const frame = this.media.querySelector(".omni-frame-item");
    const over = modality === "video" ? this.media : frame;
    over?.append(attributionVeil(modality, found.pieces));
  }
}

function settingsLink({ made, modality }) {
  const link = make("a", "omni-button", "Open its settings");
  link.href = linkTo(made, modality, made.checkpoint);
  return link;
}
