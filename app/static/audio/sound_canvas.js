// What a sound looks like: the mel spectrogram above, the waveform below.

import { accentColour } from "../canvas.js";
import { columnPeak, melColumns, SPECTRUM } from "./spectrogram.js";

const WAVE_PX = 18;
const FORMING_OPACITY = 0.45;
const COLUMNS_A_SECOND = 100;

// The first `settled` samples are final, the others still form; seconds: the least width.
export function drawSound(canvas, samples, settled, seconds) {
  const columns = melColumns(samples);
  const { bands, step } = SPECTRUM;
  canvas.width = Math.max(Math.round(seconds * COLUMNS_A_SECOND), columns.length, 1);
  canvas.height = bands + WAVE_PX;
  const pen = canvas.getContext("2d");
  pen.fillStyle = accentColour(canvas);
  columns.forEach((column, x) => {
    const opacity = x * step < settled ? 1 : FORMING_OPACITY;
    column.forEach((loud, band) => {
      if (loud < 0.02) return;
      pen.globalAlpha = opacity * loud ** 1.3;
      pen.fillRect(x, bands - 1 - band, 1, 1);
    });
    const tall = Math.max(0.5, Math.min(1, columnPeak(samples, x) * 2.4) * 16);
    pen.globalAlpha = opacity * 0.75;
    pen.fillRect(x, bands + 10 - tall / 2, 1, tall);
  });
}
