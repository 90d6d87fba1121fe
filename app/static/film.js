// How a film looks at one step: all of its frames as a strip, and the same frames in motion.

const FRAMES_A_SECOND = 4;
const REST_FRAMES = 2; // the last frame rests before the film begins again

class FilmSegment {
  constructor() {
    this.player = make("canvas", "no-canvas");
    this.player.setAttribute("role", "img");
    this.player.setAttribute("aria-label", "the film as it is at this step");
    this.strip = make("div", "no-strip");
    this.strip.setAttribute("aria-hidden", "true");
    const moving = make("figure", "no-large", make("div", "no-frame", this.player));
    moving.append(make("figcaption", "", make("b", "", "prediction"), " x₁ · in motion"));
    this.side = make("div", "no-side");
    this.root = make("div", "no-film", make("div", "no-pictures", moving, this.side), this.strip);
    this.frames = []; // a canvas for each frame of the strip
    this.grids = []; // what changed in it
    this.place = 0;
    this.clock = setInterval(() => this.turn(), 1000 / FRAMES_A_SECOND);
  }

  show(frame, live, predicted) {
    this.paint(predicted?.media.x_1);
    this.mark(frame.header.changed);
  }

  settle() {
    this.mark([]);
  }

  finish(answer, blob, label) {
    this.player.setAttribute("aria-label", label);
    this.mark([]);
  }

  // The frames stand below one another in one picture; decoding is asynchronous, the newest wins.
  async paint(blob) {
    if (!blob || blob === this.wanted) return;
    this.wanted = blob;
    const bitmap = await createImageBitmap(blob);
    if (this.wanted !== blob) return;
    const side = bitmap.width;
    this.hold(Math.round(bitmap.height / side), side);
    this.frames.forEach((canvas, i) => {
      canvas.getContext("2d").drawImage(bitmap, 0, i * side, side, side, 0, 0, side, side);
    });
    this.player.dataset.painted = String(Number(this.player.dataset.painted ?? 0) + 1);
    bitmap.close();
    this.draw();
  }

  hold(count, side) {
    if (this.frames.length === count && this.player.width === side) return;
    this.player.width = this.player.height = side;
    this.frames = Array.from({ length: count }, () => make("canvas", "no-canvas"));
    this.grids = this.frames.map(() => make("canvas", "no-grid"));
    for (const canvas of this.frames) canvas.width = canvas.height = side;
    this.strip.replaceChildren(
      ...this.frames.map((canvas, i) => make("div", "no-frame", canvas, this.grids[i])),
    );
  }

  turn() {
    if (!this.root.isConnected) {
      if (this.seen) clearInterval(this.clock);
      return;
    }
    this.seen = true;
    this.place = CALM.matches ? this.frames.length - 1 : (this.place + 1) % (this.frames.length + REST_FRAMES);
    this.draw();
  }

  draw() {
    const frame = this.frames[Math.min(this.place, this.frames.length - 1)];
    if (frame) this.player.getContext("2d").drawImage(frame, 0, 0);
    this.frames.forEach((canvas, i) => canvas.parentElement?.classList.toggle("shown", i === this.place));
  }

  mark(changed) {
    const size = Math.ceil(changed.length / Math.max(this.grids.length, 1));
    this.grids.forEach((grid, i) => outline(grid, changed.slice(i * size, (i + 1) * size), 160));
  }
}
