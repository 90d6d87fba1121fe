// Drawing that several views share.

import { make } from "./dom.js";
import { cellCorner } from "./grid.js";

export function squareCanvas(className, size) {
  const canvas = make("canvas", className);
  canvas.width = canvas.height = size;
  return canvas;
}

// Random pastel colours, one a pixel: what stands where nothing is generated yet.
export function fillNoise(canvas) {
  const pen = canvas.getContext("2d");
  for (let i = 0; i < canvas.width * canvas.height; i++) {
    pen.fillStyle = `hsl(${360 * Math.random()} 42% ${48 + 34 * Math.random()}%)`;
    pen.fillRect(i % canvas.width, Math.floor(i / canvas.width), 1, 1);
  }
}

// Outlines the patches that changed, on a canvas of `size` pixels a side.
export function outlinePatches(canvas, changed, size) {
  const side = Math.round(Math.sqrt(changed.length)) || 1;
  const cell = size / side;
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  const unit = size / 512;
  changed.forEach((share, i) => {
    if (share <= 0) return;
    const [x, y] = cellCorner(i, side, cell);
    for (const [inset, colour] of [
      [3 * unit, "0, 0, 0"],
      [5 * unit, "255, 255, 255"],
    ]) {
      const length = cell - 2 * inset;
      pen.strokeStyle = `rgba(${colour}, ${0.08 + 0.26 * share})`;
      pen.lineWidth = Math.max(1, 2 * unit);
      pen.beginPath();
      pen.roundRect(x + inset, y + inset, length, length, 9 * unit);
      pen.stroke();
    }
  });
}

// A coloured border with a dark edge, seen on any picture.
export function strokeCell(pen, x, y, size, colour) {
  for (const [width, shade] of [
    [9, "#000"],
    [5, colour],
  ]) {
    pen.lineWidth = width;
    pen.strokeStyle = shade;
    pen.strokeRect(x + 4, y + 4, size - 8, size - 8);
  }
}

const wanted = new WeakMap(); // what is to be painted on a canvas

// Decoding is asynchronous: only the newest picture asked for may be painted.
export async function paintNewest(canvas, blob) {
  if (!blob) return;
  wanted.set(canvas, blob);
  const bitmap = await createImageBitmap(blob);
  if (wanted.get(canvas) !== blob) return;
  if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
  if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  countPainting(canvas);
  bitmap.close();
}

// The theme's accent, for canvases.
export function accentColour(element) {
  return getComputedStyle(element).getPropertyValue("--omni-accent").trim() || "#4a3fc0";
}

// Counts the paintings of a canvas in `data-painted`.
export function countPainting(canvas) {
  canvas.dataset.painted = String(Number(canvas.dataset.painted ?? 0) + 1);
}
