// How a film looks at one step: the same frames in motion and as a strip. Before its first step it
// is noise.

const FILM_FRAMES = 8;
const FRAMES_A_SECOND = 4;
const REST_FRAMES = 2; // the last frame rests before the film begins again
const NOISE_PX = 8; // a frame of noise, one pixel a patch
const GRID_PX = 160; // what is marked on a frame of the strip

class FilmSegment {
  constructor() {
    this.player = make("canvas", "omni-canvas");
    this.state = make("canvas", "omni-canvas");
    this.player.setAttribute("role", "img");
    this.player.setAttribute("aria-label", "the film as it is at this step");
    this.state.setAttribute("aria-hidden", "true");
    this.holder = make("button", "omni-hold");
    this.holder.type = "button";
    this.holder.onclick = () => this.hold(!this.held);
    const large = make("figure", "omni-large", make("div", "omni-frame", this.player, this.holder));
    const small = make("figure", "omni-small", make("div", "omni-frame", this.state));
    large.append(make("figcaption", "", make("b", "", "prediction"), " x₁ · where it is heading"));
    small.append(make("figcaption", "", make("b", "", "state"), " xₜ · where it is now"));
    this.side = make("div", "omni-side", small);
    this.strip = make("div", "omni-strip");
    this.strip.setAttribute("aria-hidden", "true");
    this.root = make("div", "omni-film omni-unseen", make("div", "omni-pictures", large, this.side), this.strip);
    this.frames = []; // a canvas for each frame of the strip
    this.grids = []; // what changed in it
    this.changed = [];
    this.tall = {}; // the frames of x_1 and of x_t below one another
    this.wanted = {};
    this.place = 0;
    this.stir();
  }

  // predicted, stated: the last steps up to this one that were decoded to pixels (not every one is)
  show(frame, live, predicted, stated) {
    this.paint("x_1", predicted?.media.x_1);
    this.paint("x_t", stated?.media.x_t);
    this.mark(frame.header.changed);
  }

  settle() {
    this.mark([]);
  }

  finish(answer, blob, label) {
    this.player.setAttribute("aria-label", label);
    this.mark([]);
  }

  // Noise, until there is something to see.
  stir() {
    this.lay(FILM_FRAMES, NOISE_PX);
    for (const canvas of [this.player, this.state, ...this.frames]) {
      canvas.width = canvas.height = NOISE_PX;
      speckle(canvas);
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
    if (name === "x_1") this.unroll(tall);
    this.draw();
  }

  unroll(tall) {
    const side = tall.width;
    if (this.lay(Math.round(tall.height / side), side)) this.mark(this.changed);
    this.frames.forEach((canvas, i) => cut(tall, i, canvas));
    this.player.dataset.painted = String(Number(this.player.dataset.painted ?? 0) + 1);
    if (!this.root.classList.contains("omni-unseen")) return;
    this.root.classList.remove("omni-unseen");
    this.hold(CALM.matches);
    if (this.held) this.place = this.frames.length - 1;
  }

  // Whether the strip had to be laid anew.
  lay(count, side) {
    if (this.frames.length === count && this.frames[0].width === side) return false;
    this.frames = Array.from({ length: count }, () => make("canvas", "omni-canvas"));
    this.grids = this.frames.map(() => make("canvas", "omni-grid"));
    this.strip.replaceChildren(
      ...this.frames.map((canvas, i) => {
        canvas.width = canvas.height = side;
        const frame = make("div", "omni-frame", canvas, this.grids[i]);
        frame.onclick = () => this.look(i);
        return frame;
      }),
    );
    return true;
  }

  // One frame, at rest.
  look(i) {
    this.hold(true);
    this.place = i;
    this.draw();
  }

  hold(held) {
    this.held = held;
    this.holder.setAttribute("aria-label", held ? "play the film" : "hold the film");
    this.holder.classList.toggle("held", held);
    clearInterval(this.clock);
    if (!held) this.clock = setInterval(() => this.turn(), 1000 / FRAMES_A_SECOND);
  }

  turn() {
    if (!this.root.isConnected) return clearInterval(this.clock);
    this.place = (this.place + 1) % (this.frames.length + REST_FRAMES);
    this.draw();
  }

  draw() {
    const shown = Math.min(this.place, this.frames.length - 1);
    for (const [name, canvas] of [["x_1", this.player], ["x_t", this.state]]) {
      if (this.tall[name]) cut(this.tall[name], shown, canvas);
    }
    this.frames.forEach((canvas, i) => canvas.parentElement.classList.toggle("shown", i === shown));
  }

  mark(changed) {
    this.changed = changed;
    const size = Math.ceil(changed.length / this.grids.length);
    this.grids.forEach((grid, i) => outline(grid, changed.slice(i * size, (i + 1) * size), GRID_PX));
  }
}

// The frame at a place of a tall picture.
function cut(tall, place, canvas) {
  const side = tall.width;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  canvas.getContext("2d").drawImage(tall, 0, place * side, side, side, 0, 0, side, side);
}
