// The collection as a map: a dot an item, what lies close together means something alike.

import { make } from "../dom.js";
import { clamp } from "../numbers.js";
import { MapCamera } from "./map_camera.js";
import { listenToPointers } from "./map_pointer.js";
import { MODALITY_LABELS } from "./modalities.js";

const REACH_PX = 16; // how close to a dot the pointer counts as on it
const REACH_OF_THUMB = 1.6;
const DOT_PX = 4;
const THUMB_PX = 46;
const MAX_THUMBS = 60; // so many items or fewer in sight are shown as pictures
const KEY_ZOOM = 1.5;
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LABEL =
  "map of the collection: arrows go to the next item, Enter opens it, plus and minus zoom";
const HINT = "Drag and zoom; what lies close together means something alike.";

export class MapView {
  // open(item): shows its card; picture(item): an element, or null
  constructor(open, picture) {
    Object.assign(this, { open, picture, places: [], marked: new Set(), at: -1 });
    this.thumbs = new Map();
    this.inSight = 0;
    this.camera = new MapCamera();
    this.canvas = make("canvas", "omni-chart");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", LABEL);
    this.label = make("div", "omni-hover");
    this.label.setAttribute("aria-live", "polite");
    const kinds = Object.entries(MODALITY_LABELS).map(([modality, name]) =>
      make("span", "", make("i", `omni-dot ${modality}`), name),
    );
    this.hint = make("p", "omni-legend");
    const sea = make("div", "omni-sea", this.canvas, this.label);
    const below = make("div", "omni-below", make("p", "omni-legend", ...kinds), this.hint);
    this.root = make("div", "omni-map", sea, below);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  // Until the places are known.
  wait() {
    if (!this.places.length) this.hint.textContent = "Drawing the map …";
  }

  setPlaces(places) {
    const before = this.places[this.at]?.id;
    this.places = places;
    this.hint.textContent = places.length ? HINT : "Nothing can be placed yet.";
    this.at = places.findIndex((place) => place.id === before);
    this.draw();
  }

  // The items that are found: the others are drawn faint.
  mark(ids) {
    this.marked = new Set(ids);
    this.draw();
  }

  // ---- input -----------------------------------------------------------------------------------

  listen() {
    const { canvas, camera } = this;
    const moved = (act) => {
      this.resize();
      act();
      this.draw();
    };
    listenToPointers(canvas, {
      zoom: (x, y, factor) => moved(() => camera.zoomAt(x, y, factor)),
      pan: (dx, dy) => moved(() => camera.pan(dx, dy)),
      hover: (x, y) => this.go(this.nearest(x, y), false),
      press: (x, y) => this.press(x, y),
      leave: () => document.activeElement === canvas || this.go(-1, false),
    });
    canvas.onkeydown = (event) => this.key(event);
    canvas.onfocus = () => {
      const byKey = canvas.matches(":focus-visible");
      if (this.places.length && this.at < 0 && byKey) this.goToMiddle();
    };
  }

  resize() {
    this.camera.resize(this.canvas.clientWidth, this.canvas.clientHeight);
  }

  nearest(x, y) {
    this.resize();
    const reach = REACH_PX * (this.inSight <= MAX_THUMBS ? REACH_OF_THUMB : 1);
    return this.camera.nearest(this.places, x, y, reach);
  }

  press(x, y) {
    const found = this.nearest(x, y);
    if (found < 0) return;
    this.go(found, false);
    this.open(this.places[found]);
  }

  key(event) {
    this.resize();
    const { camera, places } = this;
    const item = places[this.at];
    const middle = [camera.width / 2, camera.height / 2];
    const there = item ? camera.project(item) : middle;
    const zoom = (factor) => {
      camera.zoomAt(...there, factor);
      this.draw();
    };
    const direction = DIRECTIONS[event.key];
    if (direction && places.length) {
      const next = item ? camera.neighbour(places, this.at, direction) : camera.middle(places);
      if (next >= 0) this.go(next, true);
    } else if (event.key === "+" || event.key === "=") zoom(KEY_ZOOM);
    else if (event.key === "-") zoom(1 / KEY_ZOOM);
    else if (event.key === "Enter" && item) this.open(item);
    else return;
    event.preventDefault();
  }

  goToMiddle() {
    this.resize();
    this.go(this.camera.middle(this.places), true);
  }

  // To an item, or to none; follow: bring it into sight.
  go(index, follow) {
    if (index === this.at) return;
    this.at = index;
    const item = this.places[index];
    if (!item) {
      this.label.replaceChildren();
      return this.draw();
    }
    this.resize();
    if (follow) this.camera.follow(item);
    const words = make("p", "", item.caption || item.text);
    this.label.replaceChildren(...[this.picture(item), words].filter(Boolean));
    this.canvas.style.cursor = "pointer";
    this.draw();
  }

  // ---- drawing ---------------------------------------------------------------------------------

  draw() {
    cancelAnimationFrame(this.drawing);
    this.drawing = requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.resize();
    const { camera, canvas } = this;
    const { width, height } = camera;
    if (!width) return;
    const density = Math.min(2, devicePixelRatio || 1);
    Object.assign(canvas, { width: width * density, height: height * density });
    const pen = canvas.getContext("2d");
    pen.scale(density, density);
    const style = getComputedStyle(canvas);
    const seen = this.places
      .map((place) => [place, camera.project(place)])
      .filter(([, point]) => camera.sees(point));
    this.inSight = seen.length;
    for (const [place, point] of seen) this.paintPlace(pen, place, point, style);
    this.paintChosen(pen, style);
  }

  paintPlace(pen, place, [x, y], style) {
    const isMarked = this.marked.has(place.id);
    pen.globalAlpha = this.marked.size && !isMarked ? 0.22 : 0.9;
    const thumb = this.inSight <= MAX_THUMBS && this.thumb(place);
    if (thumb) {
      pen.globalAlpha = Math.max(0.5, pen.globalAlpha);
      const tall = (THUMB_PX * thumb.naturalHeight) / thumb.naturalWidth;
      pen.drawImage(thumb, x - THUMB_PX / 2, y - tall / 2, THUMB_PX, tall);
      return;
    }
    pen.fillStyle = style.getPropertyValue(`--omni-kind-${place.modality}`);
    circle(pen, x, y, isMarked ? 1.6 * DOT_PX : DOT_PX);
    pen.fill();
  }

  // A ring around the chosen item, and its label beside it.
  paintChosen(pen, style) {
    const item = this.places[this.at];
    this.label.hidden = !item;
    if (!item) {
      this.canvas.style.cursor = "grab";
      return;
    }
    const { width, height } = this.camera;
    const [x, y] = this.camera.project(item);
    pen.globalAlpha = 1;
    pen.strokeStyle = style.getPropertyValue("--omni-ink");
    pen.lineWidth = 2;
    circle(pen, x, y, 2 * DOT_PX);
    pen.stroke();
    const { offsetWidth: wide, offsetHeight: tall } = this.label;
    const top = y > tall + 24 ? y - tall - 16 : Math.min(y + 16, height - tall);
    this.label.style.left = `${clamp(x - wide / 2, 4, width - wide - 4)}px`;
    this.label.style.top = `${top}px`;
  }

  // A picture that has been loaded, or nothing yet.
  thumb(place) {
    if (!this.thumbs.has(place.id)) {
      const isSeen = place.modality === "image" || place.modality === "video";
      const image = isSeen ? this.picture(place) : null;
      const loading = image instanceof HTMLImageElement ? image : null;
      if (loading) Object.assign(loading, { loading: "eager", onload: () => this.draw() });
      this.thumbs.set(place.id, loading);
    }
    const image = this.thumbs.get(place.id);
    return image?.complete && image.naturalWidth ? image : null;
  }
}

function circle(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
}
