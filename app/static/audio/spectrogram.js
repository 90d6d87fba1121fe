// The mel spectrogram of a sound, for the eye.

import { clamp } from "../numbers.js";
import { SAMPLE_RATE } from "./pcm.js";

export const SPECTRUM = { size: 512, step: 160, bands: 48, lowest: 60, highest: 7600 };
const FLOOR = 3.2; // loudness in decades that is drawn as nothing
const RANGE = 4.6; // decades from there to full ink

const melOf = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const hertzOf = (mel) => 700 * (10 ** (mel / 2595) - 1);

// Edges of the mel bands as bins of the transform.
const EDGES = Array.from({ length: SPECTRUM.bands + 1 }, (_, i) => {
  const [low, high] = [melOf(SPECTRUM.lowest), melOf(SPECTRUM.highest)];
  return (hertzOf(low + ((high - low) * i) / SPECTRUM.bands) * SPECTRUM.size) / SAMPLE_RATE;
});
const HANN = Float32Array.from(
  { length: SPECTRUM.size },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SPECTRUM.size),
);

// The Fourier transform in place, radix 2; the length is a power of two.
export function fourier(re, im) {
  const n = re.length;
  reverseBits(re, im);
  for (let span = 2; span <= n; span <<= 1) {
    for (let k = 0; k < span / 2; k++) {
      const angle = (-2 * Math.PI * k) / span;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      for (let i = k; i < n; i += span) {
        const j = i + span / 2;
        const [x, y] = [re[j] * c - im[j] * s, re[j] * s + im[j] * c];
        re[j] = re[i] - x;
        im[j] = im[i] - y;
        re[i] += x;
        im[i] += y;
      }
    }
  }
}

function reverseBits(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
}

// Columns of loudness in 0..1, one for every 10 ms, lowest band first.
export function melColumns(samples) {
  const { size, step, bands } = SPECTRUM;
  const columns = [];
  const [re, im] = [new Float32Array(size), new Float32Array(size)];
  for (let at = 0; at + step <= samples.length; at += step) {
    im.fill(0);
    for (let i = 0; i < size; i++) re[i] = (samples[at + i - (size - step) / 2] ?? 0) * HANN[i];
    fourier(re, im);
    columns.push(Float32Array.from({ length: bands }, (_, band) => loudness(re, im, band)));
  }
  return columns;
}

// The mean power of a band on a logarithmic scale.
function loudness(re, im, band) {
  const low = Math.floor(EDGES[band]);
  const high = Math.max(Math.ceil(EDGES[band + 1]), low + 1);
  let power = 0;
  for (let k = low; k < high; k++) power += re[k] ** 2 + im[k] ** 2;
  return clamp((Math.log10(power / (high - low) + 1e-9) + FLOOR) / RANGE, 0, 1);
}

// The greatest amplitude of a column's samples.
export function columnPeak(samples, column) {
  let peak = 0;
  for (let i = column * SPECTRUM.step; i < (column + 1) * SPECTRUM.step; i++) {
    peak = Math.max(peak, Math.abs(samples[i] ?? 0));
  }
  return peak;
}
