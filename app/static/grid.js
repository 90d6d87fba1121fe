// A square grid of cells over a picture, numbered row by row.

import { clamp } from "./numbers.js";

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

// The cell under a pointer; box: the bounds of the element; side: cells along an edge.
export function cellAt({ clientX, clientY }, box, side) {
  const along = (v, start, size) => clamp(Math.floor(((v - start) / size) * side), 0, side - 1);
  return along(clientY, box.top, box.height) * side + along(clientX, box.left, box.width);
}

// The cell that an arrow key leads to, at most up to the border; null for another key.
export function cellAfterKey(cell, key, side) {
  if (!(key in ARROWS)) return null;
  const [down, right] = ARROWS[key];
  const row = clamp(Math.floor(cell / side) + down, 0, side - 1);
  return row * side + clamp((cell % side) + right, 0, side - 1);
}

// The upper left corner of a cell of that size.
export function cellCorner(cell, side, size) {
  return [(cell % side) * size, Math.floor(cell / side) * size];
}
