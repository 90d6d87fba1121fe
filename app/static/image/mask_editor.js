// A picture to change: choose or take one, and drag over the patches that may change.

import { squareCanvas, strokeCell } from "../canvas.js";
import { button, make } from "../dom.js";
import { cellAfterKey, cellAt, cellCorner } from "../grid.js";

const SIDE_PX = 384;
const GRID = 8; // patches along a side
const CELL_PX = SIDE_PX / GRID;
const UNREADABLE = "This is not a picture that can be read: use a PNG, JPEG or WebP file.";

export class MaskEditor {
  // report: gets {picture: PNG as a data URI or null, patches: [numbers]} when either has changed;
  // current: returns the picture that the page shows as a blob, where there is one
  constructor(root, report, current) {
    Object.assign(this, { root, report, current, chosen: new Set(), picture: null, cursor: 0 });
    this.canvas = squareCanvas("omni-canvas", SIDE_PX);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute(
      "aria-label",
      "patches that may change: arrow keys move, the space bar chooses",
    );
    this.file = make("input");
    Object.assign(this.file, { type: "file", accept: "image/*", hidden: true });
    this.file.onchange = () => this.load(this.file.files[0]);
    this.hint = make("p", "omni-hint");
    this.hint.setAttribute("aria-live", "polite");
    this.clearButton = button("Clear mask", () => this.choose([]));
    this.removeButton = button("Remove", () => this.remove());
    const buttons = make(
      "div",
      "omni-actions",
      button("Choose a picture", () => this.file.click()),
      button("Use the current picture", () => this.takeCurrent()),
      this.clearButton,
      this.removeButton,
    );
    const frame = make("div", "omni-frame", this.canvas);
    this.root.classList.add("omni-painter");
    this.root.replaceChildren(frame, this.hint, buttons, this.file);
    this.listen();
    this.draw();
  }

  listen() {
    const { canvas, root } = this;
    canvas.onpointerdown = (event) => {
      if (!this.picture) return this.file.click();
      canvas.setPointerCapture(event.pointerId);
      this.adding = !this.chosen.has(this.patchAt(event));
      this.paint(event);
    };
    canvas.onpointermove = (event) => this.adding !== undefined && this.paint(event);
    canvas.onpointerup = () => this.endStroke();
    canvas.onpointercancel = () => this.endStroke();
    canvas.onkeydown = (event) => this.key(event);
    canvas.onfocus = () => this.draw();
    canvas.onblur = () => this.draw();
    root.ondragover = (event) => event.preventDefault();
    root.ondrop = (event) => {
      event.preventDefault();
      this.load(event.dataTransfer.files[0]);
    };
  }

  key(event) {
    const next = cellAfterKey(this.cursor, event.key, GRID);
    if (next !== null) {
      this.cursor = next;
      this.draw();
    } else if (event.key === " " && this.picture) {
      if (!this.chosen.delete(this.cursor)) this.chosen.add(this.cursor);
      this.draw();
      this.tell();
    } else {
      return;
    }
    event.preventDefault();
  }

  patchAt(event) {
    return cellAt(event, this.canvas.getBoundingClientRect(), GRID);
  }

  paint(event) {
    const patch = this.patchAt(event);
    if (this.adding) this.chosen.add(patch);
    else this.chosen.delete(patch);
    this.draw();
  }

  endStroke() {
    if (this.adding === undefined) return;
    this.adding = undefined;
    this.tell();
  }

  choose(patches) {
    this.chosen = new Set(patches);
    this.draw();
    this.tell();
  }

  // The picture that the page shows beside the form.
  takeCurrent() {
    const blob = this.current();
    if (blob) this.load(blob);
    else this.hint.textContent = "There is no finished picture yet: generate one first.";
  }

  // The middle square of a picture.
  async load(blob) {
    if (!blob) return;
    const bitmap = await createImageBitmap(blob).catch(() => null);
    if (!bitmap) {
      this.hint.textContent = UNREADABLE;
      return;
    }
    const size = Math.min(bitmap.width, bitmap.height);
    const [x, y] = [(bitmap.width - size) / 2, (bitmap.height - size) / 2];
    this.picture = squareCanvas("", SIDE_PX);
    const pen = this.picture.getContext("2d");
    pen.imageSmoothingEnabled = size > SIDE_PX;
    pen.drawImage(bitmap, x, y, size, size, 0, 0, SIDE_PX, SIDE_PX);
    bitmap.close();
    this.choose([]);
  }

  remove() {
    this.picture = null;
    this.file.value = "";
    this.choose([]);
  }

  tell() {
    const picture = this.picture?.toDataURL("image/png") ?? null;
    this.report({ picture, patches: [...this.chosen] });
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, SIDE_PX, SIDE_PX);
    this.root.classList.toggle("empty", !this.picture);
    this.removeButton.hidden = !this.picture;
    this.clearButton.hidden = !this.chosen.size;
    if (this.picture) pen.drawImage(this.picture, 0, 0);
    for (const patch of this.chosen) {
      const [x, y] = cellCorner(patch, GRID, CELL_PX);
      pen.fillStyle = "rgba(74, 58, 190, 0.5)";
      pen.fillRect(x, y, CELL_PX, CELL_PX);
      pen.strokeStyle = "rgba(255, 255, 255, 0.65)";
      pen.strokeRect(x + 0.5, y + 0.5, CELL_PX - 1, CELL_PX - 1);
    }
    if (document.activeElement === this.canvas && this.picture) {
      strokeCell(pen, ...cellCorner(this.cursor, GRID, CELL_PX), CELL_PX, "#fff");
    }
    this.hint.textContent = this.instructions();
  }

  instructions() {
    if (!this.picture) return "";
    if (!this.chosen.size) {
      return "Say above what to change, “make it red”. Or paint over a part of it.";
    }
    const patches = this.chosen.size === 1 ? "1 patch" : `${this.chosen.size} patches`;
    return `Only ${patches} may change: say above what the whole picture should show.`;
  }
}
