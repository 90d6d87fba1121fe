// An item of the gallery as it is seen and heard: a tile of the wall, a picture, a film, a sound.

const PLAYED = ["mp4", "m4v", "mov", "webm", "mkv"];

class Display {
  // open(item); failed(sentence); loaded(): something has its size now
  constructor({ open, failed, loaded }) {
    Object.assign(this, { open, failed, loaded, viewer: "" });
  }

  source(item) {
    return galleryUrl(`file/${item.id}`, { viewer: item.mine ? this.viewer : "" }).toString();
  }

  thumbnail(item) {
    const image = make("img");
    Object.assign(image, { loading: "lazy", src: this.source(item), alt: item.caption ?? "" });
    return image;
  }

  // A picture or a film as it is shown anywhere; null of what cannot be seen.
  picture(item) {
    if (item.modality !== "image" && item.modality !== "video") return null;
    const plays = PLAYED.includes(item.ending);
    const node = plays ? make("video") : this.thumbnail(item);
    if (plays) Object.assign(node, { src: this.source(item), muted: true, loop: true, autoplay: !CALM.matches, playsInline: true, preload: "metadata" });
    else if (item.modality === "video" && CALM.matches) node.addEventListener("load", () => still(node), { once: true });
    node.addEventListener(plays ? "loadedmetadata" : "load", () => this.loaded());
    node.addEventListener("error", () => node.replaceWith(make("p", "omni-gone", "its file is gone")));
    return node;
  }

  // What is shown of it may change with the next query: `tile.item` is the newest.
  tile(item) {
    const seen = this.picture(item);
    const open = make("button", `omni-open ${item.modality}`, seen ?? make("span", "", item.text || item.caption));
    open.type = "button";
    open.setAttribute("aria-label", `${item.kind || item.modality}: ${item.caption || item.text}`);
    const node = make("article", "omni-item", open, make("span", "omni-score"));
    open.onclick = () => this.open(node.item);
    if (item.mine) node.append(make("span", "omni-mine", "yours"));
    if (item.modality === "audio") node.append(this.player(item));
    if (seen) node.append(make("p", "omni-caption", item.caption));
    return node;
  }

  player(item) {
    const button = make("button", "omni-sounds");
    button.type = "button";
    button.setAttribute("aria-label", `play: ${item.caption}`);
    button.onclick = () => playSound(this.source(item), button, () => this.failed("This sound cannot be played: its file may be gone."));
    return button;
  }
}

function score(node, value, cosine) {
  node.textContent = value == null ? "" : cosine ? value.toFixed(2) : percent(value);
  node.style.setProperty("--score", Math.max(0, value ?? 0));
  node.title = cosine ? "cosine with what you look for" : "share of your words in its caption";
}

// Where nothing may move, an animation becomes its first frame.
function still(image) {
  const frame = make("canvas");
  [frame.width, frame.height] = [image.naturalWidth, image.naturalHeight];
  frame.getContext("2d").drawImage(image, 0, 0);
  frame.setAttribute("role", "img");
  frame.setAttribute("aria-label", image.alt);
  image.replaceWith(frame);
}

// One sound at a time; a second press ends it.
const sounding = { audio: new Audio(), button: null };

function playSound(source, button, failed) {
  const { audio, button: last } = sounding;
  audio.pause();
  last?.classList.remove("playing");
  sounding.button = last === button ? null : button;
  if (last === button) return;
  const over = () => button.classList.remove("playing");
  Object.assign(audio, { src: source, onended: () => (over(), (sounding.button = null)), ontimeupdate: null });
  audio.ontimeupdate = () => button.style.setProperty("--share", audio.duration ? audio.currentTime / audio.duration : 0);
  button.classList.add("playing");
  audio.play().catch((error) => error.name !== "AbortError" && (over(), failed()));
}

// Samples at RATE as a WAV file.
function waveOf(samples) {
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  head.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true);
  head.setUint16(22, 1, true);
  head.setUint32(24, RATE, true);
  head.setUint32(28, 2 * RATE, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  text(36, "data");
  head.setUint32(40, 2 * samples.length, true);
  return new Blob([head, int16Of(samples)], { type: "audio/wav" });
}
