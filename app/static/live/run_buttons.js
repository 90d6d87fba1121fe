// What can be done with a run: run it live, replay it, download, link, keep it in the gallery.

import { checkpointDigest, hasEmbedding } from "../checkpoint.js";
import { button, copyText, download, make } from "../dom.js";
import { galleryRequest, visitor } from "../gallery/api.js";
import { askForChange, canChangePictures } from "../image/change_picture.js";
import { runUrl } from "./channel.js";
import { onPace, paceControl } from "./pacing/pace.js";
import { fileName, linkTo } from "./recipe.js";
import { ShareButtons } from "./sharing/share_buttons.js";
import { XrayButton } from "./xray/xray_button.js";

const ENDINGS = { "image/png": "png", "video/mp4": "mp4", "image/gif": "gif", "audio/wav": "wav" };
const GALLERY_TYPES = ["image/png", "video/mp4", "audio/wav"];
const FEEDBACK_MS = 1800;

export class RunButtons {
  // view: the live view whose run it is; again: what "Run it live" does; links: whether a link can
  // make the run again
  constructor(view, { again, links }) {
    Object.assign(this, { view, again, links });
    this.live = button("Run it live", () => again?.(), { className: "omni-button omni-go" });
    this.next = button("Next step", () => this.step(() => view.pacer.next()), {
      className: "omni-button omni-go",
    });
    this.skip = button("Show the end", () => this.step(() => view.pacer.hurry()));
    this.replay = button("Replay", () => view.replay());
    this.grid = button("What changed", () => this.toggleGrid());
    this.grid.setAttribute("aria-pressed", "true");
    this.files = Object.entries(ENDINGS).map(([type, ending]) => {
      const node = button(`Download ${ending.toUpperCase()}`, () => this.save(type));
      node.dataset.type = type;
      return node;
    });
    this.change = button("Change it", () => askForChange(view.mediaOf("image/png")));
    this.link = button("Copy link", () => this.copyLink());
    this.keep = button("Save to gallery", () => this.keepRun());
    this.watch = button("Copy watch address", () => this.copy(this.watch, runUrl(view.run)));
    this.watch.title = "for python -m engine watch, while this run forms";
    this.xray = new XrayButton(view);
    this.share = new ShareButtons(view);
    this.pace = paceControl();
    onPace(() => this.root.isConnected && this.step(() => view.pacer.advance()));
    const nodes = [
      this.next,
      this.skip,
      this.pace,
      this.replay,
      this.grid,
      this.xray.root,
      ...this.files,
      this.share.root,
      this.change,
      this.link,
      this.keep,
      this.watch,
    ];
    this.root = make("div", "omni-actions", this.live, ...nodes);
  }

  // Show more of a run that forms or has ended.
  step(act) {
    act();
    this.update(this.view.root.dataset.phase);
  }

  // Show the buttons that act on the run as it is.
  update(phase) {
    const { view } = this;
    const isOver = phase === "completed" || phase === "stopped";
    const isForming = phase === "running" || phase === "showing";
    this.next.hidden = !(isForming && view.pacer.isStepped);
    this.skip.hidden = phase !== "showing";
    this.pace.hidden = isOver && !this.links;
    this.replay.hidden = !isOver;
    this.grid.hidden = !view.hasPictures;
    this.xray.update(phase);
    this.xray.root.hidden ||= !this.links;
    this.share.update(isOver && this.links);
    for (const node of this.files) node.hidden = !(isOver && view.mediaOf(node.dataset.type));
    this.change.hidden = !(isOver && view.mediaOf("image/png") && canChangePictures());
    this.link.hidden = !(isOver && this.links && this.linkedTab());
    this.keep.hidden = !(isOver && this.isKeepable());
    this.watch.hidden = !(view.run && phase === "running");
    this.live.hidden = !(this.again && view.isRecorded && isOver);
  }

  toggleGrid() {
    const on = this.view.root.classList.toggle("grid-on");
    this.grid.setAttribute("aria-pressed", String(on));
  }

  save(type) {
    download(this.view.mediaOf(type), fileName(this.view.recipe, ENDINGS[type]));
  }

  // The tab in which a link makes the run again; none where more than words was given.
  linkedTab() {
    const { view } = this;
    if (view.recipe.given?.length) return null;
    return (view.mediaOf("video/mp4") && "video") || (view.mediaOf("image/png") && "image");
  }

  copyLink() {
    const { recipe } = this.view;
    return this.copy(this.link, linkTo(recipe, this.linkedTab(), checkpointDigest()));
  }

  copy(node, text) {
    node.dataset.link = text;
    return copyText(node, String(text));
  }

  // Whether the gallery can hold something of it.
  isKeepable() {
    const { view } = this;
    return hasEmbedding() && view.run && GALLERY_TYPES.some((type) => view.mediaOf(type));
  }

  // Into the visitor's own part of the gallery.
  async keepRun() {
    const { keep, view } = this;
    const label = "Save to gallery";
    keep.disabled = true;
    try {
      await galleryRequest("keep", { run: view.run, viewer: visitor.name });
      keep.textContent = "Saved";
      view.announcer.say("Saved to the gallery for this visit.");
      document.dispatchEvent(new CustomEvent("omni-kept"));
    } catch (error) {
      view.status.textContent = error.message;
      view.announcer.say(error.message);
    }
    setTimeout(() => Object.assign(keep, { textContent: label, disabled: false }), FEEDBACK_MS);
  }
}
