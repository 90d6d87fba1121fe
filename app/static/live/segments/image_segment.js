// A picture at one step: the state large, the prediction small.

import { countPainting, outlinePatches } from "../../canvas.js";
import { make } from "../../dom.js";

const GRID_PX = 512;

export class ImageSegment {
  constructor() {
    this.prediction = make("canvas", "omni-canvas");
    this.state = make("canvas", "omni-canvas");
    this.grid = make("canvas", "omni-grid");
    this.state.setAttribute("role", "img");
    this.state.setAttribute("aria-label", "the picture as it is at this step");
    this.prediction.setAttribute("aria-hidden", "true");
    this.grid.setAttribute("aria-hidden", "true");
    this.side = make("div", "omni-side", predictionFigure(this.prediction));
    const large = stateFigure(this.state, this.grid);
    this.root = make("div", "omni-pictures", large, this.side);
    this.wanted = new Map();
  }

  // predicted, stated: the last steps up to this one that were decoded to pixels (not every one is)
  show(frame, _live, predicted, stated) {
    this.mark(frame.header.changed);
    return Promise.all([
      this.paint(this.prediction, predicted?.media.x_1),
      this.paint(this.state, stated?.media.x_t),
    ]);
  }

  settle() {
    this.mark([]);
  }

  finish(_answer, blob, label) {
    this.paint(this.state, blob);
    this.paint(this.prediction, blob);
    this.state.setAttribute("aria-label", label);
    this.mark([]);
  }

  // Decoding is asynchronous: only the newest picture asked for may be painted.
  async paint(canvas, blob) {
    if (!blob) return;
    this.wanted.set(canvas, blob);
    const bitmap = await createImageBitmap(blob);
    if (this.wanted.get(canvas) !== blob) return;
    if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
    if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    countPainting(canvas);
    bitmap.close();
  }

  mark(changed) {
    outlinePatches(this.grid, changed, GRID_PX);
  }
}

// The frame of the prediction x_1, with a caption.
export function predictionFigure(...inside) {
  return figure("omni-small", inside, "Best guess", "x₁, the prediction: where it is heading");
}

// The frame of the state x_t, with a caption.
export function stateFigure(...inside) {
  return figure("omni-large", inside, "Right now", "xₜ, the state: what the model looks at");
}

function figure(className, inside, name, title) {
  const caption = make("figcaption", "", make("b", "", name));
  caption.title = title;
  return make("figure", className, make("div", "omni-frame", ...inside), caption);
}
