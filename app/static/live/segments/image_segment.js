// A picture at one step: the state large, the prediction small.

import { outlinePatches, paintNewest } from "../../canvas.js";
import { make } from "../../dom.js";
import { drawLabels } from "../xray/patch_labels.js";

const GRID_PX = 512;
const LABELS_PX = 768;

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
    this.labels = make("canvas", "omni-labels");
    this.labels.setAttribute("aria-hidden", "true");
    const large = stateFigure(this.state, this.labels, this.grid);
    this.root = make("div", "omni-pictures", large, this.side);
  }

  // predicted, stated: the last steps up to this one that were decoded to pixels (not every one is)
  show(frame, _live, predicted, stated) {
    this.mark(frame.header.changed);
    if (this.root.closest(".xray-on")) drawLabels(this.labels, frame.header.labels, LABELS_PX);
    return Promise.all([
      paintNewest(this.prediction, predicted?.media.x_1),
      paintNewest(this.state, stated?.media.x_t),
    ]);
  }

  settle() {
    this.mark([]);
  }

  finish(_answer, blob, label) {
    paintNewest(this.state, blob);
    paintNewest(this.prediction, blob);
    this.state.setAttribute("aria-label", label);
    this.mark([]);
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
