// The ruler of a run's steps: a bar for each, as high as what changed in it, under a slider.

import { make } from "../dom.js";

export class StepRuler {
  // name: the slider's accessible name; scrub: called with the step that it is moved to
  constructor(name, scrub) {
    this.bars = make("div", "omni-bars");
    this.slider = make("input", "omni-slider");
    Object.assign(this.slider, { type: "range", min: 0, step: 1, disabled: true });
    this.slider.setAttribute("aria-label", name);
    this.slider.oninput = () => scrub(Number(this.slider.value));
    this.root = make("div", "omni-ruler", this.bars, this.slider);
  }

  set enabled(enabled) {
    this.slider.disabled = !enabled;
  }

  clear() {
    this.bars.replaceChildren();
  }

  // The steps of one more segment.
  addSteps(count) {
    const bars = Array.from({ length: count }, () => make("i", "omni-bar"));
    bars[0]?.classList.add("first");
    this.bars.append(...bars);
    this.slider.max = this.bars.children.length - 1;
  }

  // share: of the codes that changed in a step
  setChanged(step, share) {
    const bar = this.bars.children[step];
    bar.style.setProperty("--share", Math.sqrt(share).toFixed(3));
    bar.classList.add("seen");
  }

  // The step that is shown.
  setPosition(step) {
    this.slider.value = step;
    [...this.bars.children].forEach((bar, k) => bar.classList.toggle("past", k <= step));
  }

  // What a screen reader says of the step.
  setText(text) {
    this.slider.setAttribute("aria-valuetext", text);
  }
}
