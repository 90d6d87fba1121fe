// The colours of heat maps: one even, colour-blind-safe ramp from dark violet over rose to sand.

import { clamp } from "./numbers.js";

// lightness, chroma, and the share of the way in hue
const STOPS = [
  [0.24, 0.06, 0.2],
  [0.42, 0.13, 0.3],
  [0.6, 0.15, 0.42],
  [0.78, 0.15, 0.6],
  [0.94, 0.12, 0.82],
];

// share: in 0..1
export function rampColour(share) {
  const x = clamp(share, 0, 0.9999) * (STOPS.length - 1);
  const [from, to, part] = [STOPS[Math.floor(x)], STOPS[Math.floor(x) + 1], x % 1];
  const [light, chroma, hue] = from.map((v, i) => v + (to[i] - v) * part);
  return `oklch(${light.toFixed(3)} ${chroma.toFixed(3)} ${(300 + 150 * hue) % 360})`;
}

// Dark ink on light colours of the ramp, light ink on dark ones.
export function inkOn(share) {
  return share > 0.55 ? "#16121c" : "#fbf8ff";
}
