// The query: words, and beside them an item, a file or a recording.

import { encodeWav } from "../audio/pcm.js";
import { Recorder } from "../audio/recorder.js";
import { TurnBuffer } from "../audio/turn_buffer.js";
import { button, make } from "../dom.js";
import { galleryRequest } from "./api.js";
import { MODALITY_LABELS } from "./modalities.js";

const PLACEHOLDER = "a red car at night";
const ATTACH_ICON = "M8 12.5l6.5-6.5a3 3 0 0 1 4.2 4.2l-8.4 8.4a5 5 0 0 1-7-7L11 4";
const RECORD_ICON =
  "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21";
const NO_MICROPHONE = "The microphone cannot be used: allow it in the browser, or give a file.";

export class QueryBar {
  // finds: whether files can be looked for; on: {typed(), entered(), given(), say(sentence, bad)}
  constructor(finds, on) {
    Object.assign(this, { finds, on, given: null, recorder: null, heard: new TurnBuffer() });
    this.words = make("input", "omni-query");
    Object.assign(this.words, { type: "search", placeholder: PLACEHOLDER, maxLength: 500 });
    Object.assign(this.words, { autocomplete: "off", spellcheck: false });
    this.words.setAttribute("aria-label", "what to look for");
    this.words.oninput = () => on.typed();
    this.words.onkeydown = (event) => {
      if (event.key === "Enter") on.entered();
    };
    this.chip = make("span", "omni-given");
    this.file = make("input");
    Object.assign(this.file, { type: "file", hidden: true, accept: "image/*,audio/*,video/*" });
    this.file.onchange = () => this.file.files[0] && this.giveFile(this.file.files[0]);
    const choose = () => this.file.click();
    const attach = iconButton(
      ATTACH_ICON,
      choose,
      "look for a picture, a sound or a film of yours",
    );
    this.record = iconButton(RECORD_ICON, () => this.toggleRecording(), "look for what you say");
    for (const node of [attach, this.record]) node.disabled = !finds;
    if (!navigator.mediaDevices) this.record.hidden = true;
    const inside = [this.chip, this.words, attach, this.record, this.file];
    this.root = make("div", "omni-bar-query", ...inside);
    this.root.addEventListener("paste", (event) => this.take(event, event.clipboardData.files));
  }

  // Whether there is something to look for.
  get isFilled() {
    return Boolean(this.given || this.words.value.trim());
  }

  // What the server is asked with.
  get query() {
    const { upload = "", item = "" } = this.given ?? {};
    return { words: this.words.value.trim(), upload, item };
  }

  // given: {item or upload, thumbnail}, or null
  give(given, words = null) {
    if (words !== null) this.words.value = words;
    this.given = given;
    this.chip.replaceChildren();
    if (given) {
      const remove = button("×", () => this.give(null), { name: "take away what is given" });
      this.chip.append(given.thumbnail, remove);
    }
    this.words.placeholder = given ? "… and in words what to change" : PLACEHOLDER;
    this.on.given();
  }

  // Files of a drop or a paste.
  take(event, files) {
    if (!files?.length || !this.finds) return;
    event.preventDefault();
    this.giveFile(files[0]);
  }

  async giveFile(file) {
    this.on.say("Reading it …");
    try {
      const values = { name: file.name || "recording.wav" };
      const { upload, modality } = await galleryRequest("give", file, { values });
      this.give({ upload, thumbnail: fileThumbnail(file, modality) });
    } catch (error) {
      this.on.say(error.message, true);
    }
    this.file.value = "";
  }

  // The first press records, the second looks for what was said.
  async toggleRecording() {
    if (this.recorder) return this.endRecording();
    this.heard.clear();
    const recorder = new Recorder((samples) => this.heard.push(samples));
    try {
      await recorder.start();
    } catch {
      return this.on.say(NO_MICROPHONE, true);
    }
    this.recorder = recorder;
    this.record.setAttribute("aria-pressed", "true");
    this.on.say("Say it, then press again.");
  }

  endRecording() {
    this.recorder.stop();
    this.recorder = null;
    this.record.setAttribute("aria-pressed", "false");
    const wav = encodeWav(this.heard.take());
    return this.giveFile(new File([wav], "recording.wav", { type: "audio/wav" }));
  }
}

function fileThumbnail(file, modality) {
  if (!file.type.startsWith("image/")) return make("b", "", MODALITY_LABELS[modality].slice(0, -1));
  return Object.assign(make("img"), { src: URL.createObjectURL(file), alt: "your picture" });
}

// A button with a drawing; name: what it does.
function iconButton(path, act, name) {
  const node = button("", act, { name });
  node.innerHTML = `<svg viewBox='0 0 24 24' aria-hidden='true'><path d='${path}'/></svg>`;
  node.classList.add("omni-drawn");
  node.title = name;
  return node;
}
