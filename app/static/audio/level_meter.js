// A strip of the microphone's last levels.

import { accentColour } from "../canvas.js";
import { make } from "../dom.js";

const NUM_LEVELS = 60;
const [WIDTH, HEIGHT] = [240, 40];
const EVERY_MS = 33;

export class LevelMeter {
  constructor() {
    this.root = make("canvas", "omni-meter");
    [this.root.width, this.root.height] = [WIDTH, HEIGHT];
    this.root.setAttribute("aria-hidden", "true");
    this.levels = new Float32Array(NUM_LEVELS);
    this.peak = 0; // since the last drawing
    this.drawnAt = 0;
  }

  add(samples) {
    for (const sample of samples) this.peak = Math.max(this.peak, Math.abs(sample));
    if (performance.now() - this.drawnAt < EVERY_MS) return;
    this.drawnAt = performance.now();
    this.levels.copyWithin(0, 1);
    this.levels[NUM_LEVELS - 1] = this.peak;
    this.peak = 0;
    this.draw();
  }

  draw() {
    const pen = this.root.getContext("2d");
    pen.clearRect(0, 0, WIDTH, HEIGHT);
    pen.fillStyle = accentColour(this.root);
    const step = WIDTH / NUM_LEVELS;
    this.levels.forEach((level, i) => {
      const tall = Math.max(2, Math.min(1, level * 2.5) * HEIGHT);
      pen.fillRect(i * step, (HEIGHT - tall) / 2, step - 1.5, tall);
    });
  }
}
