// One item from near: what it is, where it is from, what is like it, and why it was found.

const SIDES = { image: 4, video: 8, audio: 8 }; // pieces in a row
const LEAVING = {
  image: "What stays bright matters: cover it, and the score falls.",
  video: "Frames that stay bright matter: cover them, and the score falls.",
  audio: "Stretches that stay bright matter: silence them, and the score falls.",
  text: "Words that matter are tinted: without them the score falls.",
};

class GalleryCard {
  constructor(gallery) {
    this.gallery = gallery;
    this.root = make("dialog", "omni-card");
    this.root.setAttribute("aria-label", "an item of the gallery");
    this.root.onclick = (event) => {
      if (event.target === this.root) this.root.close();
    };
    this.root.onkeydown = (event) => this.key(event);
    this.root.onclose = () => sounding.button && this.root.contains(sounding.button) && sounding.audio.pause();
  }

  open(item) {
    this.item = item;
    if (!this.root.isConnected) this.gallery.root.append(this.root);
    this.said = make("p", "omni-said");
    this.said.setAttribute("role", "status");
    this.reason = make("section", "omni-why");
    const close = press("×", () => this.root.close(), "close");
    close.classList.add("omni-close");
    this.media = make("div", `omni-media ${item.modality}`, ...this.seen(item));
    const facts = make("div", "omni-about-item", make("h3", "", item.modality === "text" ? "A sentence" : item.caption || item.text), ...this.facts(item),
      this.tags(item), this.deeds(item), this.said, this.reason);
    this.root.replaceChildren(close, this.media, facts);
    if (!this.root.open) this.root.showModal();
    if (item.modality === "audio") this.hear(item);
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { shown } = this.gallery;
    const at = shown.findIndex((item) => item.id === this.item.id);
    if (!step || at < 0 || event.target.closest("audio, video")) return;
    const next = shown[at + step];
    if (next) this.open(next);
  }

  seen(item) {
    const picture = this.gallery.display.picture(item);
    if (picture) return [make("div", "omni-frame-item", picture)];
    if (item.modality === "text") return [make("p", "omni-quote", item.text || item.caption)];
    this.canvas = make("canvas", "omni-sound");
    return [make("div", "omni-frame-item", this.canvas), this.gallery.display.player(item)];
  }

  // What a sound looks like.
  async hear(item) {
    const canvas = this.canvas;
    try {
      const answer = await fetch(this.gallery.display.source(item));
      if (!answer.ok) throw new Error((await answer.json()).sentence);
      const heard = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await answer.arrayBuffer());
      const samples = heard.getChannelData(0);
      drawSound(canvas, samples, samples.length, samples.length / RATE);
    } catch (error) {
      canvas.replaceWith(make("p", "omni-gone", error.message || "its file is gone"));
    }
  }

  facts(item) {
    const words = [item.kind || item.modality, item.mine ? "kept by you for this visit" : item.from];
    if (item.made) {
      const { seed, steps, guidance, method } = item.made;
      words.push(`seed ${seed}`, ...(steps != null ? [`${steps} steps`] : []));
      if (guidance != null) words.push(`guidance ${guidance}`);
      if (method) words.push(method);
    }
    if (item.score != null) words.push(this.gallery.value.finds ? `score ${item.score.toFixed(2)}` : `${percent(item.score)} of your words`);
    return [make("p", "omni-facts-item", words.filter(Boolean).join(" · "))];
  }

  tags(item) {
    const chips = item.tags.map((tag) => {
      const chip = make("button", "omni-chip", tag);
      chip.type = "button";
      chip.onclick = () => (this.root.close(), this.gallery.tagged(tag));
      return chip;
    });
    return make("div", "omni-chips", ...chips);
  }

  deeds(item) {
    const { gallery } = this;
    const { finds: meant, makes } = gallery.value;
    const asked = gallery.given || gallery.words.value.trim();
    const made = { image: "picture", video: "film", audio: "sound" }[item.modality];
    const like = () => {
      gallery.words.value = "";
      this.root.close();
      gallery.offer({ item: item.id, thumbnail: gallery.display.picture(item) ?? make("b", "", item.caption.slice(0, 24)) });
    };
    const again = () => (this.root.close(), gallery.trigger("again", { item: item.id }));
    const send = () => (this.root.close(), gallery.trigger("send", { item: item.id }));
    return make("div", "omni-actions",
      ...(meant ? [press("More like this", like)] : []),
      ...(meant && item.modality === "image" ? [press("Change it in words", () => (like(), gallery.words.focus()))] : []),
      ...(meant && asked ? [press("Why?", () => this.why(item))] : []),
      press("Send to chat", send),
      ...(made && makes.includes(item.modality) ? [press(`Make a ${made} like this`, again)] : []),
      ...(item.made && !item.made.given?.length && item.modality !== "audio" ? [this.link(item)] : []),
      ...(item.mine ? [press("Take it out", () => this.takeOut(item))] : []));
  }

  link(item) {
    const link = make("a", "omni-button", "Open its settings");
    link.href = linkTo(item.made, item.modality, item.made.checkpoint);
    return link;
  }

  async takeOut(item) {
    try {
      await askGallery("take_out", { viewer: this.gallery.viewer, item: item.id });
      this.root.close();
      this.gallery.refresh();
    } catch (error) {
      this.said.textContent = error.message;
    }
  }

  async why(item) {
    this.said.textContent = "Leaving out one piece after another …";
    try {
      const found = await askGallery("why", { ...this.gallery.asked, found: item.id });
      if (this.item !== item) return;
      this.said.textContent = "";
      this.explain(item, found);
    } catch (error) {
      this.said.textContent = error.message;
    }
  }

  // found: {score, words: [[word, fall]], pieces: [fall], labels: [word]}
  explain(item, { score: whole, words, pieces, labels }) {
    const most = Math.max(0.02, ...words.map(([, fall]) => fall));
    const rows = words.length
      ? [make("h4", "", "Your words"), make("p", "omni-tinted", ...words.map(([word, fall]) => tinted(word, fall, most, whole))),
        make("p", "omni-hint", "The deeper the tint, the more the score falls without the word; what is struck through speaks against it.")]
      : [];
    const top = Math.max(0.005, ...pieces);
    if (labels.length) {
      rows.push(make("h4", "", "Its words"), make("p", "omni-tinted", ...labels.map((word, i) => tinted(word, pieces[i], top, whole))));
    } else if (pieces.length) {
      this.veil(item, pieces, top);
      rows.push(make("h4", "", item.modality === "image" ? "Its regions" : item.modality === "video" ? "Its frames" : "Its stretches"));
    }
    rows.push(make("p", "omni-hint", `${LEAVING[item.modality]} The score now is ${whole.toFixed(2)}.`));
    this.reason.replaceChildren(...rows);
  }

  // Darker where nothing falls.
  veil(item, pieces, top) {
    const cells = pieces.map((fall) => {
      const cell = make("i", "", make("small", "", `${fall >= 0 ? "−" : "+"}${Math.abs(fall).toFixed(2)}`));
      cell.style.setProperty("--hide", (1 - Math.max(0, fall) / top).toFixed(3));
      return cell;
    });
    const veil = make("div", `omni-veil ${item.modality}`, ...cells);
    veil.style.setProperty("--side", SIDES[item.modality]);
    this.media.querySelector(".omni-veil")?.remove();
    const frame = this.media.querySelector(".omni-frame-item");
    (item.modality === "video" ? this.media : frame)?.append(veil);
  }
}

function tinted(word, fall, most, whole) {
  const node = make("span", "omni-word", word);
  node.style.setProperty("--confidence", (1 - Math.max(0, Math.min(1, fall / most))).toFixed(2));
  node.classList.toggle("against", fall < -0.005);
  node.title = `without it the score goes from ${whole.toFixed(2)} to ${(whole - fall).toFixed(2)}`;
  return node;
}
