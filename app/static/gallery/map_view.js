// The collection as a map: a dot an item, what lies close together means something alike.

const NEAR_PX = 16; // how close to a dot the pointer counts as on it
const DOT_PX = 4;
const THUMB_PX = 46;
const MAX_THUMBS = 60; // so many items or fewer in sight are shown as pictures
const MAX_ZOOM = 60;
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class GalleryMap {
  // open(item): shows its card; picture(item): an element, or null
  constructor(open, picture) {
    Object.assign(this, { open, picture, places: [], marked: new Set(), at: -1, thumbs: new Map() });
    this.canvas = make("canvas", "omni-chart");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", "map of the collection: arrows go to the next item, Enter opens it, plus and minus zoom");
    this.label = make("div", "omni-hover");
    this.label.setAttribute("aria-live", "polite");
    const key = make("p", "omni-legend", ...Object.entries(KINDS).map(([kind, name]) => make("span", "", make("i", `omni-dot ${kind}`), name)));
    this.hint = make("p", "omni-legend");
    this.root = make("div", "omni-map", make("div", "omni-sea", this.canvas, this.label), make("div", "omni-below", key, this.hint));
    this.reset();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  // Until the places are known.
  wait() {
    if (!this.places.length) this.hint.textContent = "Drawing the map …";
  }

  reset() {
    this.eye = { x: 0.5, y: 0.5, zoom: 1 };
  }

  lay(places) {
    const before = this.places[this.at]?.id;
    this.places = places;
    this.hint.textContent = places.length ? "Drag and zoom; what lies close together means something alike." : "Nothing can be placed yet.";
    this.at = places.findIndex((place) => place.id === before);
    this.draw();
  }

  mark(ids) {
    this.marked = new Set(ids);
    this.draw();
  }

  // ---- from the map to the screen and back ----------------------------------------------------

  get size() {
    return [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  get scale() {
    const [w, h] = this.size;
    return [0.9 * w * this.eye.zoom, 0.88 * h * this.eye.zoom];
  }

  onScreen({ x, y }) {
    const [[w, h], [sx, sy]] = [this.size, this.scale];
    return [w / 2 + (x - this.eye.x) * sx, h / 2 + (y - this.eye.y) * sy];
  }

  zoomAt(px, py, by) {
    const [[w, h], before] = [this.size, this.scale];
    this.eye.zoom = Math.min(MAX_ZOOM, Math.max(1, this.eye.zoom * by));
    const after = this.scale;
    this.eye.x += (px - w / 2) * (1 / before[0] - 1 / after[0]);
    this.eye.y += (py - h / 2) * (1 / before[1] - 1 / after[1]);
    this.stay();
  }

  move(dx, dy) {
    const [sx, sy] = this.scale;
    this.eye.x -= dx / sx;
    this.eye.y -= dy / sy;
    this.stay();
  }

  stay() {
    for (const axis of ["x", "y"]) this.eye[axis] = Math.min(1, Math.max(0, this.eye[axis]));
    this.draw();
  }

  nearest(px, py) {
    let [best, far] = [-1, NEAR_PX * (this.inSight <= MAX_THUMBS ? 1.6 : 1)];
    this.places.forEach((place, i) => {
      const [x, y] = this.onScreen(place);
      const d = Math.hypot(x - px, y - py);
      if (d < far) [best, far] = [i, d];
    });
    return best;
  }

  // The next item in a direction: close, and not far aside.
  beside([dx, dy]) {
    const from = this.onScreen(this.places[this.at]);
    let [best, least] = [-1, Infinity];
    this.places.forEach((place, i) => {
      const [x, y] = this.onScreen(place);
      const along = (x - from[0]) * dx + (y - from[1]) * dy;
      const aside = Math.abs((x - from[0]) * dy) + Math.abs((y - from[1]) * dx);
      const cost = along + 2 * aside;
      if (i !== this.at && along > 0.5 && aside <= along * 1.5 && cost < least) [best, least] = [i, cost];
    });
    return best;
  }

  // ---- what the visitor does -------------------------------------------------------------------

  listen() {
    const { canvas } = this;
    const fingers = new Map();
    let moved = 0;
    const place = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomAt(...place(event), Math.exp(-event.deltaY / 320));
    }, { passive: false });
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
      if (fingers.size === 1) moved = 0;
    };
    canvas.onpointermove = (event) => {
      const last = fingers.get(event.pointerId);
      if (!last) return this.go(this.nearest(...place(event)), false);
      const now = place(event);
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
        this.zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, apart(now) / apart(last));
      } else this.move(now[0] - last[0], now[1] - last[1]);
      moved += Math.hypot(now[0] - last[0], now[1] - last[1]);
      fingers.set(event.pointerId, now);
    };
    canvas.onpointerup = (event) => {
      fingers.delete(event.pointerId);
      const found = moved < 6 ? this.nearest(...place(event)) : -1;
      if (found < 0) return;
      this.go(found, false);
      this.open(this.places[found]);
    };
    canvas.onpointercancel = (event) => fingers.delete(event.pointerId);
    canvas.onpointerleave = () => document.activeElement === canvas || this.go(-1, false);
    canvas.onkeydown = (event) => this.key(event);
    canvas.onfocus = () => this.places.length && this.at < 0 && canvas.matches(":focus-visible") && this.go(this.middle(), true);
  }

  middle() {
    const [w, h] = this.size;
    const away = this.places.map((place) => Math.hypot(this.onScreen(place)[0] - w / 2, this.onScreen(place)[1] - h / 2));
    return away.indexOf(Math.min(...away));
  }

  key(event) {
    const [w, h] = this.size;
    const there = this.at >= 0 ? this.onScreen(this.places[this.at]) : [w / 2, h / 2];
    if (WAYS[event.key] && this.places.length) {
      const next = this.at < 0 ? this.middle() : this.beside(WAYS[event.key]);
      if (next >= 0) this.go(next, true);
    } else if ("+=".includes(event.key)) this.zoomAt(...there, 1.5);
    else if (event.key === "-") this.zoomAt(...there, 1 / 1.5);
    else if (event.key === "Enter" && this.at >= 0) this.open(this.places[this.at]);
    else return;
    event.preventDefault();
  }

  // To an item, or to none; follow: bring it into sight.
  go(i, follow) {
    if (i === this.at) return;
    this.at = i;
    if (i < 0) {
      this.label.replaceChildren();
      return this.draw();
    }
    const item = this.places[i];
    const [[x, y], [w, h]] = [this.onScreen(item), this.size];
    if (follow && (x < 30 || y < 30 || x > w - 30 || y > h - 30)) Object.assign(this.eye, { x: item.x, y: item.y });
    this.label.replaceChildren(...[this.picture(item), make("p", "", item.caption || item.text)].filter(Boolean));
    this.canvas.style.cursor = "pointer";
    this.draw();
  }

  // ---- drawing -----------------------------------------------------------------------------------

  draw() {
    cancelAnimationFrame(this.drawing);
    this.drawing = requestAnimationFrame(() => this.paint());
  }

  paint() {
    const [w, h] = this.size;
    if (!w) return;
    const dense = Math.min(2, devicePixelRatio || 1);
    Object.assign(this.canvas, { width: w * dense, height: h * dense });
    const pen = this.canvas.getContext("2d");
    pen.scale(dense, dense);
    const style = getComputedStyle(this.canvas);
    const colours = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, style.getPropertyValue(`--omni-kind-${kind}`)]));
    const seen = this.places.map((place, i) => [place, ...this.onScreen(place), i]).filter(([, x, y]) => x > -30 && y > -30 && x < w + 30 && y < h + 30);
    this.inSight = seen.length;
    const near = seen.length <= MAX_THUMBS;
    for (const [place, x, y] of seen) {
      pen.globalAlpha = this.marked.size && !this.marked.has(place.id) ? 0.22 : 0.9;
      const thumb = near && this.thumb(place);
      if (thumb) {
        pen.globalAlpha = Math.max(0.5, pen.globalAlpha);
        const tall = (THUMB_PX * thumb.naturalHeight) / thumb.naturalWidth;
        pen.drawImage(thumb, x - THUMB_PX / 2, y - tall / 2, THUMB_PX, tall);
        continue;
      }
      pen.fillStyle = colours[place.modality];
      pen.beginPath();
      pen.arc(x, y, this.marked.has(place.id) ? 1.6 * DOT_PX : DOT_PX, 0, 2 * Math.PI);
      pen.fill();
    }
    this.ring(pen, style);
  }

  ring(pen, style) {
    this.label.hidden = this.at < 0;
    if (this.at < 0) return (this.canvas.style.cursor = "grab");
    const [x, y] = this.onScreen(this.places[this.at]);
    pen.globalAlpha = 1;
    pen.strokeStyle = style.getPropertyValue("--omni-ink");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x, y, 2 * DOT_PX, 0, 2 * Math.PI);
    pen.stroke();
    const [w, h] = this.size;
    const [wide, tall] = [this.label.offsetWidth, this.label.offsetHeight];
    this.label.style.left = `${Math.min(Math.max(4, x - wide / 2), w - wide - 4)}px`;
    this.label.style.top = `${y > tall + 24 ? y - tall - 16 : Math.min(y + 16, h - tall)}px`;
  }

  // A picture that has been loaded, or nothing yet.
  thumb(place) {
    if (!this.thumbs.has(place.id)) {
      const image = place.modality === "image" || place.modality === "video" ? this.picture(place) : null;
      const drawn = image instanceof HTMLImageElement ? image : null;
      if (drawn) Object.assign(drawn, { loading: "eager", onload: () => this.draw() });
      this.thumbs.set(place.id, drawn);
    }
    const image = this.thumbs.get(place.id);
    return image?.complete && image.naturalWidth ? image : null;
  }
}
