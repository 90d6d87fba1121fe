// The button of the X-ray: labels of what the model sees where, over the picture, step by step. Until
// it is pressed nothing is computed for it.

import { routeUrl } from "../../address.js";
import { hasProbes } from "../../checkpoint.js";
import { button } from "../../dom.js";

const ON = "xray-on"; // of a live view whose labels are shown
const TITLE = "what the model sees where, while it is still noise";

export class XrayButton {
  constructor(view) {
    this.view = view;
    this.root = button("X-ray", () => this.toggle());
    this.root.setAttribute("aria-pressed", "false");
    this.root.title = TITLE;
  }

  get isOn() {
    return this.view.root.classList.contains(ON);
  }

  // Whether there is a picture that can be looked into.
  update(phase) {
    const [first] = this.view.segments ?? [];
    this.root.hidden = !(hasProbes() && first?.modality === "image");
    const isOver = phase === "completed" || phase === "stopped";
    if (this.isOn && isOver && !this.root.hidden) this.load();
  }

  toggle() {
    const on = this.view.root.classList.toggle(ON);
    this.root.setAttribute("aria-pressed", String(on));
    if (on) this.load();
    this.redraw();
  }

  // Ask for the labels of the steps that have none; a run under way sends them from now on.
  async load() {
    const { run, segments } = this.view;
    const [{ frames } = { frames: [] }] = segments;
    if (!run || frames.every((frame) => frame.header.labels)) return;
    const answer = await fetch(routeUrl(`labels/${run}`)).catch(() => null);
    if (!answer?.ok || this.view.run !== run) return;
    const { steps } = await answer.json();
    frames.forEach((frame, i) => {
      frame.header.labels ??= steps[i];
    });
    if (steps.length) this.redraw();
  }

  redraw() {
    const { view } = this;
    if (view.position >= 0) view.show(view.position, false);
  }
}
