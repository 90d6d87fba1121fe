// The picture that stands in a live view before anything is generated: patches of random colours.

import { fillNoise } from "../canvas.js";
import { make } from "../dom.js";

export class Noise {
  // width, height: in patches
  constructor(width, height) {
    this.root = make("canvas", "omni-blank");
    [this.root.width, this.root.height] = [width, height];
  }

  stir() {
    fillNoise(this.root);
  }
}
