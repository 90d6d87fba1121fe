// A picture to change: choose or take one, and drag over the patches that may change.

const PAINTER = { side: 384, grid: 8 };

class Painter {
  // report: gets {picture: PNG as a data URI or null, patches: [numbers]} when either has changed
  constructor(root, report) {
    Object.assign(this, { root, report, chosen: new Set(), picture: null });
    this.canvas = make("canvas", "omni-canvas");
    this.canvas.width = this.canvas.height = PAINTER.side;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", "patches that may change: arrow keys move, the space bar chooses");
    this.frame = make("div", "omni-frame", this.canvas);
    this.file = make("input");
    Object.assign(this.file, { type: "file", accept: "image/*", hidden: true });
    this.file.onchange = () => this.load(this.file.files[0]);
    this.hint = make("p", "omni-hint");
    this.hint.setAttribute("aria-live", "polite");
    const buttons = make(
      "div",
      "omni-actions",
      this.button("Choose a picture", () => this.file.click()),
      this.button("Take the one on the page", () => this.take()),
      (this.noneButton = this.button("Unpaint", () => this.choose([]))),
      (this.awayButton = this.button("Remove", () => this.drop())),
    );
    this.root.classList.add("omni-painter");
    this.root.replaceChildren(this.frame, this.hint, buttons, this.file);
    this.cursor = 0;
    this.listen();
    this.draw();
  }

  button(label, press) {
    const node = make("button", "omni-button", label);
    node.type = "button";
    node.onclick = press;
    return node;
  }

  listen() {
    this.canvas.onpointerdown = (event) => {
      if (!this.picture) return this.file.click();
      this.canvas.setPointerCapture(event.pointerId);
      this.adding = !this.chosen.has(this.patchAt(event));
      this.paint(event);
    };
    this.canvas.onpointermove = (event) => this.adding !== undefined && this.paint(event);
    this.canvas.onpointerup = this.canvas.onpointercancel = () => {
      if (this.adding === undefined) return;
      this.adding = undefined;
      this.tell();
    };
    this.canvas.onkeydown = (event) => this.key(event);
    this.canvas.onfocus = this.canvas.onblur = () => this.draw();
    this.root.ondragover = (event) => event.preventDefault();
    this.root.ondrop = (event) => {
      event.preventDefault();
      this.load(event.dataTransfer.files[0]);
    };
  }

  key(event) {
    const { grid } = PAINTER;
    const [row, column] = [Math.floor(this.cursor / grid), this.cursor % grid];
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const held = (v) => Math.min(grid - 1, Math.max(0, v));
    if (moves[event.key]) {
      const [down, right] = moves[event.key];
      this.cursor = held(row + down) * grid + held(column + right);
      this.draw();
    } else if (event.key === " " && this.picture) {
      this.chosen.has(this.cursor) ? this.chosen.delete(this.cursor) : this.chosen.add(this.cursor);
      this.draw();
      this.tell();
    } else {
      return;
    }
    event.preventDefault();
  }

  patchAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const { grid } = PAINTER;
    const at = (v, start, size) => Math.min(grid - 1, Math.max(0, Math.floor(((v - start) / size) * grid)));
    return at(event.clientY, box.top, box.height) * grid + at(event.clientX, box.left, box.width);
  }

  paint(event) {
    const patch = this.patchAt(event);
    if (this.adding) this.chosen.add(patch);
    else this.chosen.delete(patch);
    this.draw();
  }

  choose(patches) {
    this.chosen = new Set(patches);
    this.draw();
    this.tell();
  }

  // The picture that the page shows on the right.
  take() {
    const blob = this.source?.()?.made("image/png");
    if (blob) this.load(blob);
    else this.hint.textContent = "There is no finished picture yet: generate one first.";
  }

  // The middle square of a picture.
  async load(blob) {
    if (!blob) return;
    let bitmap;
    try {
      bitmap = await createImageBitmap(blob);
    } catch {
      this.hint.textContent = "This is not a picture that can be read: use a PNG, JPEG or WebP file.";
      return;
    }
    const { side } = PAINTER;
    const size = Math.min(bitmap.width, bitmap.height);
    const [x, y] = [(bitmap.width - size) / 2, (bitmap.height - size) / 2];
    this.picture = make("canvas");
    this.picture.width = this.picture.height = side;
    const pen = this.picture.getContext("2d");
    pen.imageSmoothingEnabled = size > side;
    pen.drawImage(bitmap, x, y, size, size, 0, 0, side, side);
    bitmap.close();
    this.choose([]);
  }

  drop() {
    this.picture = null;
    this.file.value = "";
    this.choose([]);
  }

  tell() {
    this.report({ picture: this.picture?.toDataURL("image/png") ?? null, patches: [...this.chosen] });
  }

  draw() {
    const { side, grid } = PAINTER;
    const pen = this.canvas.getContext("2d");
    const cell = side / grid;
    pen.clearRect(0, 0, side, side);
    this.root.classList.toggle("empty", !this.picture);
    this.awayButton.hidden = !this.picture;
    this.noneButton.hidden = !this.chosen.size;
    if (this.picture) pen.drawImage(this.picture, 0, 0);
    for (const patch of this.chosen) {
      const [x, y] = [(patch % grid) * cell, Math.floor(patch / grid) * cell];
      pen.fillStyle = "rgba(74, 58, 190, 0.5)";
      pen.fillRect(x, y, cell, cell);
      pen.strokeStyle = "rgba(255, 255, 255, 0.65)";
      pen.strokeRect(x + 0.5, y + 0.5, cell - 1, cell - 1);
    }
    if (document.activeElement === this.canvas && this.picture) {
      frame(pen, (this.cursor % grid) * cell, Math.floor(this.cursor / grid) * cell, cell, "#fff");
    }
    this.hint.textContent = this.words();
  }

  words() {
    if (!this.picture) return "";
    if (!this.chosen.size) return "Say above what to change, “make it red”. Or paint over a part of it.";
    const patches = this.chosen.size === 1 ? "1 patch" : `${this.chosen.size} patches`;
    return `Only ${patches} may change: say above what the whole picture should show.`;
  }
}
