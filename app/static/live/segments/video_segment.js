// A film at one step: the same frames in motion and as a strip. Before its first step it is noise.

import { countPainting, fillNoise, outlinePatches } from "../../canvas.js";
import { make, REDUCED_MOTION } from "../../dom.js";
import { predictionFigure, stateFigure } from "./image_segment.js";
import { frameAt, nextPlace, splitFrames } from "./playback.js";

const NUM_FRAMES = 8;
const FRAMES_A_SECOND = 4;
const NOISE_PX = 8; // a frame of noise, one pixel a patch
const GRID_PX = 160; // the marks on a frame of the strip

export class VideoSegment {
  constructor() {
    this.player = make("canvas", "omni-canvas");
    this.prediction = make("canvas", "omni-canvas");
    this.player.setAttribute("role", "img");
    this.player.setAttribute("aria-label", "the film as it is at this step");
    this.prediction.setAttribute("aria-hidden", "true");
    this.pauseButton = make("button", "omni-hold");
    this.pauseButton.type = "button";
    this.pauseButton.onclick = () => this.setPaused(!this.paused);
    this.side = make("div", "omni-side", predictionFigure(this.prediction));
    this.strip = make("div", "omni-strip");
    this.strip.setAttribute("aria-hidden", "true");
    const large = stateFigure(this.player, this.pauseButton);
    const pair = make("div", "omni-pictures", large, this.side);
    this.root = make("div", "omni-film omni-unseen", pair, this.strip);
    this.frames = []; // a canvas for each frame of the strip
    this.grids = []; // the marks on it
    this.changed = [];
    this.tall = {}; // the frames of x_1 and of x_t below one another
    this.wanted = {};
    this.place = 0;
    this.stir();
  }

  // predicted, stated: the last steps up to this one that were decoded to pixels (not every one is)
  show(frame, _live, predicted, stated) {
    this.mark(frame.header.changed);
    return Promise.all([
      this.paint("x_1", predicted?.media.x_1),
      this.paint("x_t", stated?.media.x_t),
    ]);
  }

  settle() {
    this.mark([]);
  }

  finish(_answer, _blob, label) {
    this.player.setAttribute("aria-label", label);
    this.mark([]);
  }

  // New noise, until there is something to see.
  stir() {
    this.createStrip(NUM_FRAMES, NOISE_PX);
    for (const canvas of [this.player, this.prediction, ...this.frames]) {
      canvas.width = canvas.height = NOISE_PX;
      fillNoise(canvas);
    }
  }

  // Decoding is asynchronous: only the newest pictures asked for may be painted.
  async paint(name, blob) {
    if (!blob || blob === this.wanted[name]) return;
    this.wanted[name] = blob;
    const tall = await createImageBitmap(blob);
    if (this.wanted[name] !== blob) return tall.close();
    this.tall[name]?.close();
    this.tall[name] = tall;
    if (name === "x_t") this.fillStrip(tall);
    this.draw();
  }

  fillStrip(tall) {
    const side = tall.width;
    if (this.createStrip(Math.round(tall.height / side), side)) this.mark(this.changed);
    this.frames.forEach((canvas, i) => drawFrame(tall, i, canvas));
    countPainting(this.player);
    if (!this.root.classList.contains("omni-unseen")) return;
    this.root.classList.remove("omni-unseen");
    this.setPaused(REDUCED_MOTION.matches);
    if (this.paused) this.place = this.frames.length - 1;
  }

  // Returns whether the strip had to be created anew.
  createStrip(count, side) {
    if (this.frames.length === count && this.frames[0].width === side) return false;
    this.frames = Array.from({ length: count }, () => make("canvas", "omni-canvas"));
    this.grids = this.frames.map(() => make("canvas", "omni-grid"));
    const frames = this.frames.map((canvas, i) => {
      canvas.width = canvas.height = side;
      const frame = make("div", "omni-frame", canvas, this.grids[i]);
      frame.onclick = () => this.look(i);
      return frame;
    });
    this.strip.replaceChildren(...frames);
    return true;
  }

  // One frame, at rest.
  look(i) {
    this.setPaused(true);
    this.place = i;
    this.draw();
  }

  setPaused(paused) {
    this.paused = paused;
    this.pauseButton.setAttribute("aria-label", paused ? "play the film" : "hold the film");
    this.pauseButton.classList.toggle("held", paused);
    clearInterval(this.clock);
    if (!paused) this.clock = setInterval(() => this.advance(), 1000 / FRAMES_A_SECOND);
  }

  advance() {
    if (!this.root.isConnected) return clearInterval(this.clock);
    this.place = nextPlace(this.place, this.frames.length);
    this.draw();
  }

  draw() {
    const shown = frameAt(this.place, this.frames.length);
    const { x_1, x_t } = this.tall;
    if (x_t) drawFrame(x_t, shown, this.player);
    if (x_1) drawFrame(x_1, shown, this.prediction);
    this.frames.forEach((canvas, i) => canvas.parentElement.classList.toggle("shown", i === shown));
  }

  mark(changed) {
    this.changed = changed;
    const parts = splitFrames(changed, this.grids.length);
    this.grids.forEach((grid, i) => outlinePatches(grid, parts[i], GRID_PX));
  }
}

// One of the frames that lie below one another in a tall picture.
function drawFrame(tall, index, canvas) {
  const side = tall.width;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  canvas.getContext("2d").drawImage(tall, 0, index * side, side, side, 0, 0, side, side);
}
