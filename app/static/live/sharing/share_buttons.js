// The run that was just seen, as a file to pass on: noise becomes the picture, with its words in a
// corner, or the picture alone, large.

import { routeUrl } from "../../address.js";
import { download, make } from "../../dom.js";
import { fileName } from "../recipe.js";

const KINDS = [
  ["mp4", "MP4", "the run as a film of 512 pixels: it forms out of noise"],
  ["webp", "WebP", "the run as an animation of 512 pixels: small, and plays by itself"],
  ["gif", "GIF", "the run as an animation of 512 pixels that plays everywhere"],
  ["png", "PNG", "the picture at 512 pixels; seed and settings stay in the file"],
];
const FAILED = "The file could not be made: try again in a moment.";

export class ShareButtons {
  constructor(view) {
    this.view = view;
    this.nodes = KINDS.map(([kind, label, title]) => {
      const node = make("button", "omni-pace", label);
      Object.assign(node, { type: "button", title, onclick: () => this.save(kind, node) });
      node.dataset.kind = kind;
      node.setAttribute("aria-label", `Share as ${label}`);
      return node;
    });
    this.root = make("span", "omni-paces omni-share-as", make("span", "", "Share"), ...this.nodes);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Share this run as a file");
  }

  // The name under which the server knows the run.
  get name() {
    return this.view.run ?? this.view.recorded;
  }

  update(isOver) {
    const { view } = this;
    this.root.hidden = !(isOver && this.name && view.hasPictures && view.recipe);
    const png = this.nodes.find((node) => node.dataset.kind === "png");
    png.hidden = !view.mediaOf("image/png");
  }

  async save(kind, node) {
    const { view, name } = this;
    node.disabled = true;
    node.classList.add("making");
    view.announcer.say("The file is being made.");
    try {
      const answer = await fetch(routeUrl(`shared/${name}/${kind}`));
      if (!answer.ok) throw new Error((await answer.json()).sentence);
      const suffix = kind === "png" ? "-512" : "-forming";
      download(await answer.blob(), fileName(view.recipe, kind, suffix));
      view.announcer.say("The file is made.");
    } catch (error) {
      const sentence = error instanceof TypeError ? FAILED : error.message;
      view.status.textContent = sentence;
      view.announcer.say(sentence);
    }
    node.disabled = false;
    node.classList.remove("making");
  }
}
