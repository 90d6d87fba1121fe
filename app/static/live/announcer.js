// What a screen reader says of a run: a sentence at each quarter, never at every step.

import { make } from "../dom.js";
import { progressSentence } from "./sentences.js";
import { quarterDone } from "./steps.js";

export class Announcer {
  constructor() {
    this.root = make("p", "omni-spoken");
    this.root.setAttribute("aria-live", "polite");
    this.quarter = 0;
  }

  say(sentence) {
    if (sentence) this.root.textContent = sentence;
  }

  progress(header) {
    const quarter = quarterDone(header);
    if (quarter === this.quarter) return;
    this.quarter = quarter;
    this.say(progressSentence(header));
  }
}
