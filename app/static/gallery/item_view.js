// An item of the gallery as it is seen and heard: a tile of the wall, a picture, a film, a sound.

import { togglePreview } from "../audio/sound_preview.js";
import { button, make, REDUCED_MOTION } from "../dom.js";
import { percent } from "../numbers.js";
import { galleryUrl } from "./api.js";

const VIDEO_ENDINGS = ["mp4", "m4v", "mov", "webm", "mkv"];
const GONE = "its file is gone";
const NO_SOUND = "This sound cannot be played: its file may be gone.";

export class ItemView {
  // open(item); failed(sentence); loaded(): something has its size now
  constructor({ open, failed, loaded }) {
    Object.assign(this, { open, failed, loaded });
  }

  source(item) {
    return galleryUrl(`file/${item.id}`, { key: item.key }).toString();
  }

  thumbnail(item) {
    const image = make("img");
    const alt = item.caption ?? "";
    return Object.assign(image, { loading: "lazy", src: this.source(item), alt });
  }

  // A picture or a film as it is shown anywhere; null of what cannot be seen.
  picture(item) {
    if (item.modality !== "image" && item.modality !== "video") return null;
    const isVideo = VIDEO_ENDINGS.includes(item.ending);
    const node = isVideo ? this.video(item) : this.thumbnail(item);
    if (!isVideo && item.modality === "video" && REDUCED_MOTION.matches) {
      node.addEventListener("load", () => replaceByFirstFrame(node), { once: true });
    }
    node.addEventListener(isVideo ? "loadedmetadata" : "load", () => this.loaded());
    node.addEventListener("error", () => node.replaceWith(make("p", "omni-gone", GONE)));
    return node;
  }

  video(item) {
    return Object.assign(make("video"), {
      src: this.source(item),
      muted: true,
      loop: true,
      autoplay: !REDUCED_MOTION.matches,
      playsInline: true,
      preload: "metadata",
    });
  }

  // What is shown of it may change with the next query: `tile.item` is the newest.
  tile(item) {
    const seen = this.picture(item);
    const name = `${item.kind || item.modality}: ${item.caption || item.text}`;
    const act = () => this.open(node.item);
    const open = button("", act, { name, className: `omni-open ${item.modality}` });
    open.append(seen ?? make("span", "", item.text || item.caption));
    const node = make("article", "omni-item", open, make("span", "omni-score"));
    if (item.mine) node.append(make("span", "omni-mine", "yours"));
    if (item.modality === "audio") node.append(this.player(item));
    if (seen) node.append(make("p", "omni-caption", item.caption));
    return node;
  }

  player(item) {
    const name = `play: ${item.caption}`;
    const play = () => togglePreview(this.source(item), node, () => this.failed(NO_SOUND));
    const node = button("", play, { name, className: "omni-sounds" });
    return node;
  }
}

// cosine: whether the score is one, or a share of words
export function showScore(node, score, cosine) {
  node.textContent = score == null ? "" : cosine ? score.toFixed(2) : percent(score);
  node.style.setProperty("--score", Math.max(0, score ?? 0));
  node.title = cosine ? "cosine with what you look for" : "share of your words in its caption";
}

// Where nothing may move, an animation becomes its first frame.
function replaceByFirstFrame(image) {
  const frame = make("canvas");
  [frame.width, frame.height] = [image.naturalWidth, image.naturalHeight];
  frame.getContext("2d").drawImage(image, 0, 0);
  frame.setAttribute("role", "img");
  frame.setAttribute("aria-label", image.alt);
  image.replaceWith(frame);
}
