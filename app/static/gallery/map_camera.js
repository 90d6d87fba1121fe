// Which part of the map is seen: between places in 0..1 and pixels of the canvas.

import { clamp } from "../numbers.js";

const MAX_ZOOM = 60;
const MARGIN_PX = 30;
const [WIDE, HIGH] = [0.9, 0.88]; // the share of the canvas that the whole map fills

export class MapCamera {
  constructor() {
    Object.assign(this, { x: 0.5, y: 0.5, zoom: 1, width: 1, height: 1 });
  }

  // The size of the canvas in pixels.
  resize(width, height) {
    Object.assign(this, { width, height });
  }

  get scale() {
    return [WIDE * this.width * this.zoom, HIGH * this.height * this.zoom];
  }

  // Where a place is on the canvas.
  project({ x, y }) {
    const [sx, sy] = this.scale;
    return [this.width / 2 + (x - this.x) * sx, this.height / 2 + (y - this.y) * sy];
  }

  // Zoom by a factor; the place under (px, py) stays where it is.
  zoomAt(px, py, factor) {
    const before = this.scale;
    this.zoom = clamp(this.zoom * factor, 1, MAX_ZOOM);
    const after = this.scale;
    this.lookAt({
      x: this.x + (px - this.width / 2) * (1 / before[0] - 1 / after[0]),
      y: this.y + (py - this.height / 2) * (1 / before[1] - 1 / after[1]),
    });
  }

  // Move the map by pixels.
  pan(dx, dy) {
    const [sx, sy] = this.scale;
    this.lookAt({ x: this.x - dx / sx, y: this.y - dy / sy });
  }

  lookAt({ x, y }) {
    this.x = clamp(x, 0, 1);
    this.y = clamp(y, 0, 1);
  }

  // Whether a pixel lies on the canvas, with a margin around it (or inside, where it is negative).
  sees([px, py], margin = MARGIN_PX) {
    const inside = (v, size) => v > -margin && v < size + margin;
    return inside(px, this.width) && inside(py, this.height);
  }

  // Bring a place into sight, if it is near the border or outside.
  follow(place) {
    if (!this.sees(this.project(place), -MARGIN_PX)) this.lookAt(place);
  }

  // The index of the place that is nearest to a pixel, at most `reach` pixels away; else -1.
  nearest(places, px, py, reach) {
    let [best, least] = [-1, reach];
    places.forEach((place, i) => {
      const [x, y] = this.project(place);
      const distance = Math.hypot(x - px, y - py);
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  }

  // The index of the place in the middle of the canvas; -1 where there is none.
  middle(places) {
    return this.nearest(places, this.width / 2, this.height / 2, Infinity);
  }

  // The next place in a direction: close, and not far aside; -1 where there is none.
  neighbour(places, index, [dx, dy]) {
    const from = this.project(places[index]);
    let [best, least] = [-1, Infinity];
    places.forEach((place, i) => {
      const [x, y] = this.project(place);
      const along = (x - from[0]) * dx + (y - from[1]) * dy;
      const aside = Math.abs((x - from[0]) * dy) + Math.abs((y - from[1]) * dx);
      const cost = along + 2 * aside;
      const fits = i !== index && along > 0.5 && aside <= along * 1.5;
      if (fits && cost < least) [best, least] = [i, cost];
    });
    return best;
  }
}
