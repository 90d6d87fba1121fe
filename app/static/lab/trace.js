// A recorded run as the Lab reads it: unpacked once, then asked step by step.

import { bytesFromBase64 } from "../live/message.js";
import { mean, percent } from "../numbers.js";

const SAME_TIME = 1e-4;

// run: as `trace_view.overview` packs it; loadImage: gives a promise of a data URI's bitmap
export function unpackRun(run, loadImage) {
  for (const segment of run.segments) {
    const heat = Object.entries(segment.heat);
    segment.levels = Object.fromEntries(heat.map(([name, v]) => [name, bytesFromBase64(v)]));
    const pictures = segment.pictures && Object.entries(segment.pictures);
    segment.images =
      pictures && Object.fromEntries(pictures.map(([name, uris]) => [name, uris.map(loadImage)]));
    if (segment.believed) segment.believed = unpackProbe(segment.believed);
  }
  return run;
}

// The readout of a probe in the middle of the network, for one segment.
export function unpackProbe(found) {
  const { object, colour, sure } = found;
  return {
    ...found,
    object: bytesFromBase64(object),
    colour: bytesFromBase64(colour),
    sure: bytesFromBase64(sure),
  };
}

// What the probe reads at a position after a step: {id, words, sure}; null where it was not asked.
export function probeAt({ believed, length }, step, position) {
  if (!believed) return null;
  const i = step * length + position;
  const id = believed.object[i];
  const name = believed.objects[id];
  const colour = name && believed.colours[believed.colour[i]];
  return { id, words: [colour, name].filter(Boolean).join(" "), sure: believed.sure[i] / 255 };
}

// Whether a position keeps its token from the first step on.
export function isKept({ held }, position) {
  return Boolean(held) && held.includes(position);
}

// The level of a heat map in 0..1; NaN where there is none.
export function levelAt({ levels, length }, name, step, position) {
  return levels[name]?.[step * length + position] / 255;
}

// The last step that does not lie after a time.
export function stepAt({ t, steps }, time) {
  const after = t.findIndex((u) => u > time + SAME_TIME);
  return after < 0 ? steps - 1 : Math.max(0, after - 1);
}

// A position in words; grid: cells along a side of a picture.
export function placeName({ grid, frames }, position) {
  if (!grid) return `place ${position + 1}`;
  const cell = position % grid ** 2;
  const frame = frames > 1 ? `frame ${Math.floor(position / grid ** 2) + 1}, ` : "";
  return `${frame}row ${Math.floor(cell / grid) + 1}, column ${(cell % grid) + 1}`;
}

// The share of codes in which two final segments agree; null where they are not of one size.
export function agreement(codes, others) {
  if (codes.length !== others.length) return null;
  return mean(codes.flatMap((row, i) => row.map((code, q) => Number(code === others[i]?.[q]))));
}

// What each of [{title, segment}] costs, and how near it is at time t to its own end and to that of the
// first: rows of values.
export function comparisonRows(shown, t) {
  const first = shown[0].segment.final;
  return shown.map(({ title, segment }) => {
    const alike = agreement(segment.final, first);
    const codes = segment.length * segment.codebooks;
    return [
      title,
      segment.nfe.at(-1),
      segment.num_active.reduce((a, b) => a + b, 0),
      Math.round(codes / segment.elapsed_s.at(-1)),
      percent(segment.agrees[stepAt(segment, t)]),
      segment.bits ?? "–",
      alike === null ? "–" : percent(alike),
    ];
  });
}

// One entry for each change in a history: "a → b".
export function pathOf(history) {
  return history.filter((code, k) => k === 0 || code !== history[k - 1]).join(" → ");
}
