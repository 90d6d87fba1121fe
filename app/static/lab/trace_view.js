// One segment of a recorded run at one step: its picture, its film (one frame large, all of them in
// a strip) or its words, a heat map over it, the chosen position and the edits.

import { squareCanvas, strokeCell } from "../canvas.js";
import { inkOn, rampColour } from "../colour_ramp.js";
import { button, make } from "../dom.js";
import { cellAt, cellCorner } from "../grid.js";
import { drawProbeCell } from "../probe_cell.js";
import { isKept, levelAt, probeAt, stepAt, unpackProbe } from "./trace.js";

export const NO_HEAT = "none";
export const PROBE = "belief"; // the heat map of what the probe reads
const LARGE_PX = 768;
const STRIP_PX = 192;

export class TraceView {
  // segment: of an unpacked run; pick: called with a position, turn: with a frame
  constructor(run, segment, { pick, turn }) {
    Object.assign(this, { run, segment, pick, turn });
    this.caption = make("div", "omni-caption");
    const inside = segment.grid ? this.buildPicture() : this.buildWords();
    this.root = make("div", "omni-plate-one", ...inside, this.caption);
  }

  buildPicture() {
    const { frames } = this.segment;
    this.canvas = squareCanvas("omni-plate-picture", LARGE_PX);
    this.canvas.onclick = (event) => this.pickAt(event);
    const count = frames > 1 ? frames : 0;
    this.strip = Array.from({ length: count }, () => squareCanvas("omni-canvas", STRIP_PX));
    const framed = this.strip.map((canvas, i) => {
      const frame = make("div", "omni-frame", canvas);
      frame.onclick = () => this.turn(i);
      return frame;
    });
    return [this.canvas, make("div", "omni-strip", ...framed)];
  }

  buildWords() {
    this.words = this.segment.words.x_t[0].map((_, i) => {
      const word = button("", () => this.pick(i), { className: "omni-token" });
      word.tabIndex = -1;
      return word;
    });
    return [make("div", "omni-line", ...this.words)];
  }

  stepAt(t) {
    return stepAt(this.segment, t);
  }

  // Fetch what the probe reads, once. Returns a sentence where it cannot be had, else null.
  async loadProbe(server) {
    const { run, segment } = this;
    segment.believed = null;
    const place = { run: run.id, segment: run.segments.indexOf(segment) };
    const found = await server?.believed(place);
    if (found && !found.sentence) segment.believed = unpackProbe(found);
    return found?.sentence ?? null;
  }

  // look: {step, index, which, heat, frame, position, edits}; index: of the segment in its run
  show(look) {
    this.look = look;
    return this.canvas ? this.paint() : this.write();
  }

  level(position) {
    return levelAt(this.segment, this.look.heat, this.look.step, position);
  }

  async paint() {
    const { segment, canvas, look } = this;
    const image = await segment.images[look.which][look.step];
    if (look !== this.look) return;
    this.draw(canvas, image, segment.frames > 1 ? look.frame : 0);
    this.strip.forEach((small, i) => {
      this.draw(small, image, i);
      small.parentElement.classList.toggle("shown", i === look.frame);
    });
    canvas.dataset.painted = `${look.index}.${look.step}.${look.heat}`;
  }

  // One frame of the tall picture of a step, and what is to be seen over it.
  draw(canvas, image, frame) {
    const { grid } = this.segment;
    const pen = canvas.getContext("2d");
    const unit = canvas.width / LARGE_PX;
    const cell = LARGE_PX / grid;
    const side = image.width;
    const first = frame * grid ** 2;
    pen.setTransform(unit, 0, 0, unit, 0, 0);
    pen.globalAlpha = 1;
    pen.drawImage(image, 0, frame * side, side, side, 0, 0, LARGE_PX, LARGE_PX);
    for (let i = 0; i < grid ** 2; i++) {
      const [x, y] = cellCorner(i, grid, cell);
      this.drawHeat(pen, first + i, x, y, cell, unit);
      this.drawMarks(pen, first + i, x, y, cell);
    }
  }

  drawHeat(pen, position, x, y, cell, unit) {
    const { look, segment } = this;
    if (look.heat === PROBE) {
      const found = probeAt(segment, look.step, position);
      if (found) drawProbeCell(pen, found, [x, y], cell, { named: unit >= 1 });
    } else if (look.heat !== NO_HEAT) {
      pen.globalAlpha = 0.72;
      pen.fillStyle = rampColour(this.level(position));
      pen.fillRect(x, y, cell, cell);
    }
    pen.globalAlpha = 1;
  }

  // The frames of an edit and of the chosen position, the corner of a position that is kept.
  drawMarks(pen, position, x, y, cell) {
    const { look, segment } = this;
    const edit = look.edits.get(position);
    if (!edit && isKept(segment, position)) drawCorner(pen, x, y, cell * 0.16);
    pen.setLineDash(edit && !edit.held ? [14, 10] : []);
    if (edit) strokeCell(pen, x, y, cell, "#ffd24a");
    pen.setLineDash([]);
    if (position === look.position) strokeCell(pen, x + 9, y + 9, cell - 18, "#fff");
  }

  write() {
    const { segment, look } = this;
    const pieces = segment.words.x_t[look.step];
    const isPlain = look.heat === NO_HEAT || look.heat === PROBE;
    this.words.forEach((word, i) => {
      const text = pieces[i].trim();
      word.textContent = text || "·";
      word.classList.toggle("empty", !text);
      word.classList.toggle("chosen", i === look.position);
      word.classList.toggle("edited", look.edits.has(i));
      const level = this.level(i);
      word.style.background = isPlain ? "" : rampColour(level);
      word.style.color = isPlain ? "" : inkOn(level);
      word.title = `predicted: ${segment.words.x_1[look.step][i].trim() || "nothing here"}`;
    });
  }

  pickAt(event) {
    const { grid, frames } = this.segment;
    const first = frames > 1 ? this.look.frame * grid ** 2 : 0;
    this.pick(first + cellAt(event, this.canvas.getBoundingClientRect(), grid));
  }
}

// The sign of a position that is kept.
function drawCorner(pen, x, y, size) {
  pen.fillStyle = "rgba(251, 248, 255, 0.8)";
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + size, y);
  pen.lineTo(x, y + size);
  pen.fill();
}
