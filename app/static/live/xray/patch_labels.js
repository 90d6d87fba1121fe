// Labels of the patches of a picture, as a step carries them: {words, sure}, row by row.

import { cellCorner } from "../../grid.js";
import { drawProbeCell } from "../../probe_cell.js";

const DEPTH = 0.72; // the picture is seen through the colours
const TYPE = 0.24; // can be read on a phone

// What stands at each patch: {id, words, sure}; one thing has one id, whatever its colour.
export function cellsOf({ words, sure }) {
  return words.map((text, i) => ({ id: thingId(text), words: text, sure: sure[i] }));
}

// A number that is the same for the same thing; 0 for the background.
function thingId(text) {
  const thing = text.split(" ").at(-1);
  return [...thing].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 0);
}

// On a canvas of `size` pixels a side; without labels it is empty.
export function drawLabels(canvas, labels, size) {
  canvas.width = canvas.height = size;
  if (!labels) return;
  const pen = canvas.getContext("2d");
  const side = Math.round(Math.sqrt(labels.words.length));
  const cell = size / side;
  cellsOf(labels).forEach((found, i) => {
    drawProbeCell(pen, found, cellCorner(i, side, cell), cell, { depth: DEPTH, type: TYPE });
  });
}
