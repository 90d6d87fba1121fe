// One part of a recorded run at one step: its picture, its film (one frame large, all of them in a
// strip) or its words, a heat map over it, what is chosen and what was edited.

const STOPS = [[0.24, 0.06, 0.2], [0.42, 0.13, 0.3], [0.6, 0.15, 0.42], [0.78, 0.15, 0.6], [0.94, 0.12, 0.82]];
const PLATE_PX = 768;
const STRIP_PX = 192;

// One even, colour-blind-safe ramp from dark violet over rose to light sand; share in 0 .. 1.
function ramp(share) {
  const x = Math.min(0.9999, Math.max(0, share)) * (STOPS.length - 1);
  const [a, b, f] = [STOPS[Math.floor(x)], STOPS[Math.floor(x) + 1], x % 1];
  const [l, c, h] = a.map((v, i) => v + (b[i] - v) * f);
  return `oklch(${l.toFixed(3)} ${c.toFixed(3)} ${(300 + 150 * h) % 360})`;
}

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

async function loaded(uri) {
  return createImageBitmap(fromDataUri(uri));
}

// What came from the server, made ready to be painted, once.
function unpack(run) {
  for (const segment of run.segments) {
    segment.levels = Object.fromEntries(Object.entries(segment.heat).map(([k, v]) => [k, bytes(v)]));
    segment.images = segment.pictures && Object.fromEntries(
      Object.entries(segment.pictures).map(([name, uris]) => [name, uris.map(loaded)]),
    );
    if (segment.believed) segment.believed = unpackBelieved(segment.believed);
  }
  return run;
}

// What the middle of the network holds to be where, of one part: `beliefs.packed`.
function unpackBelieved(found) {
  return { ...found, object: bytes(found.object), colour: bytes(found.colour), sure: bytes(found.sure) };
}

// What is held to be at a place after a step, in words, and how surely; null where that was not asked.
function beliefAt({ believed, length }, step, position) {
  if (!believed) return null;
  const i = step * length + position;
  const name = believed.objects[believed.object[i]];
  const colour = name && believed.colours[believed.colour[i]];
  return { id: believed.object[i], words: [colour, name].filter(Boolean).join(" "), sure: believed.sure[i] / 255 };
}

// Whether a place stays as it is from the first step on.
function stays({ held }, position) {
  return Boolean(held) && held.includes(position);
}

class Plate {
  // part: a segment of an overview; pick: called with a position, turn: with a frame
  constructor(part, pick, turn) {
    Object.assign(this, { part, pick });
    this.caption = make("div", "omni-caption");
    if (part.grid) {
      this.canvas = square("omni-plate-picture", PLATE_PX);
      this.canvas.onclick = (event) => this.clicked(event);
      this.strip = part.frames > 1 ? Array.from({ length: part.frames }, () => square("omni-canvas", STRIP_PX)) : [];
      const frames = this.strip.map((canvas, i) => {
        const frame = make("div", "omni-frame", canvas);
        frame.onclick = () => turn(i);
        return frame;
      });
      this.root = make("div", "omni-plate-one", this.canvas, make("div", "omni-strip", ...frames), this.caption);
    } else {
      this.words = part.words.x_t[0].map((_, i) => {
        const word = make("button", "omni-token");
        word.type = "button";
        word.tabIndex = -1;
        word.onclick = () => pick(i);
        return word;
      });
      this.root = make("div", "omni-plate-one", make("div", "omni-line", ...this.words), this.caption);
    }
  }

  // step at time t: the last one that does not lie after it
  stepAt(t) {
    const after = this.part.t.findIndex((u) => u > t + 1e-4);
    return after < 0 ? this.part.steps - 1 : Math.max(0, after - 1);
  }

  // look: {step, which, heat, frame, position, edits: Map}
  show(look) {
    this.look = look;
    return this.canvas ? this.paint() : this.write();
  }

  level(position) {
    return this.part.levels[this.look.heat]?.[this.look.step * this.part.length + position] / 255;
  }

  async paint() {
    const { part, canvas, look } = this;
    const image = await part.images[look.which][look.step];
    if (look !== this.look) return;
    this.draw(canvas, image, part.frames > 1 ? look.frame : 0);
    this.strip.forEach((small, i) => {
      this.draw(small, image, i);
      small.parentElement.classList.toggle("shown", i === look.frame);
    });
    canvas.dataset.painted = `${look.segment}.${look.step}.${look.heat}`;
  }

  // A frame of the tall picture that a step is, and what is to be seen over it.
  draw(canvas, image, number) {
    const { part, look } = this;
    const pen = canvas.getContext("2d");
    const unit = canvas.width / PLATE_PX;
    const cell = PLATE_PX / part.grid;
    const side = image.width;
    const first = number * part.grid ** 2;
    pen.setTransform(unit, 0, 0, unit, 0, 0);
    pen.globalAlpha = 1;
    pen.drawImage(image, 0, number * side, side, side, 0, 0, PLATE_PX, PLATE_PX);
    for (let i = first; i < first + part.grid ** 2; i++) {
      const [x, y] = [(i % part.grid) * cell, Math.floor((i - first) / part.grid) * cell];
      if (look.heat === BELIEF) this.tell(pen, beliefAt(part, look.step, i), x, y, cell, unit);
      else if (look.heat !== "none") {
        pen.globalAlpha = 0.72;
        pen.fillStyle = ramp(this.level(i));
        pen.fillRect(x, y, cell, cell);
      }
      pen.globalAlpha = 1;
      const edit = look.edits.get(i);
      if (!edit && stays(part, i)) corner(pen, x, y, cell * 0.16);
      pen.setLineDash(edit && !edit.held ? [14, 10] : []);
      if (edit) frame(pen, x, y, cell, "#ffd24a");
      pen.setLineDash([]);
      if (i === look.position) frame(pen, x + 9, y + 9, cell - 18, "#fff");
    }
  }

  // A cell in the hue of what is held to be there, with its name; the background is darkened.
  tell(pen, belief, x, y, cell, unit) {
    if (!belief) return;
    pen.globalAlpha = belief.id ? 0.25 + 0.5 * belief.sure : 0.5;
    pen.fillStyle = belief.id ? `oklch(0.42 0.13 ${(belief.id * 137.5) % 360})` : "#16121c";
    pen.fillRect(x, y, cell, cell);
    if (!belief.id || unit < 1) return;
    pen.globalAlpha = 0.35 + 0.65 * belief.sure;
    pen.fillStyle = "#fbf8ff";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = `600 ${Math.round(cell * 0.18)}px ui-sans-serif, system-ui, sans-serif`;
    const lines = belief.words.split(" ");
    lines.forEach((line, k) => pen.fillText(line, x + cell / 2, y + cell * (0.5 + 0.22 * (k - (lines.length - 1) / 2)), cell - 8));
  }

  write() {
    const { part, look } = this;
    const pieces = part.words.x_t[look.step];
    this.words.forEach((word, i) => {
      const text = pieces[i].trim();
      word.textContent = text || "·";
      word.classList.toggle("empty", !text);
      word.classList.toggle("chosen", i === look.position);
      word.classList.toggle("edited", look.edits.has(i));
      const level = this.level(i);
      const plain = look.heat === "none" || look.heat === BELIEF;
      word.style.background = plain ? "" : ramp(level);
      word.style.color = plain ? "" : level > 0.55 ? "#16121c" : "#fbf8ff";
      word.title = `predicted: ${part.words.x_1[look.step][i].trim() || "nothing here"}`;
    });
  }

  clicked(event) {
    const box = this.canvas.getBoundingClientRect();
    const { grid, frames } = this.part;
    const at = (v, start, size) => Math.min(grid - 1, Math.max(0, Math.floor(((v - start) / size) * grid)));
    const first = frames > 1 ? this.look.frame * grid ** 2 : 0;
    this.pick(first + at(event.clientY, box.top, box.height) * grid + at(event.clientX, box.left, box.width));
  }
}

function square(name, size) {
  const canvas = make("canvas", name);
  canvas.width = canvas.height = size;
  return canvas;
}

function frame(pen, x, y, size, colour) {
  for (const [width, shade] of [[9, "#000"], [5, colour]]) {
    pen.lineWidth = width;
    pen.strokeStyle = shade;
    pen.strokeRect(x + 4, y + 4, size - 8, size - 8);
  }
}

// The sign of a place that stays.
function corner(pen, x, y, size) {
  pen.fillStyle = "rgba(251, 248, 255, 0.8)";
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + size, y);
  pen.lineTo(x, y + size);
  pen.fill();
}
