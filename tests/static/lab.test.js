// A recorded run, the colour ramp, edits, and cells of a grid.

import assert from "node:assert/strict";
import test from "node:test";
import { inkOn, rampColour } from "../../app/static/colour_ramp.js";
import { cellAfterKey, cellAt, cellCorner } from "../../app/static/grid.js";
import { Edits } from "../../app/static/lab/edits.js";
import {
  agreement,
  comparisonRows,
  isKept,
  levelAt,
  pathOf,
  placeName,
  probeAt,
  stepAt,
  unpackRun,
} from "../../app/static/lab/trace.js";
import { clamp, compact, mean, percent } from "../../app/static/numbers.js";

const base64 = (...bytes) => Buffer.from(bytes).toString("base64");
const lightness = (colour) => Number(colour.match(/oklch\(([\d.]+)/)[1]);

test("the ramp rises evenly in lightness from end to end", () => {
  const shares = Array.from({ length: 21 }, (_, i) => i / 20);
  const light = shares.map((share) => lightness(rampColour(share)));
  for (let i = 1; i < light.length; i++) {
    const rise = light[i] - light[i - 1];
    assert.ok(rise > 0.03 && rise < 0.041, `${shares[i]}: ${rise}`);
  }
  assert.equal(rampColour(0), "oklch(0.240 0.060 330)");
  assert.equal(rampColour(-3), rampColour(0));
  assert.equal(rampColour(7), rampColour(1));
  assert.equal(inkOn(0.2), "#fbf8ff", "light ink on dark");
  assert.equal(inkOn(0.9), "#16121c", "dark ink on light");
});

test("a run is unpacked once: levels, pictures and the probe", () => {
  const believed = { object: base64(0, 1), colour: base64(0, 1), sure: base64(255, 51) };
  Object.assign(believed, { objects: ["", "car"], colours: ["", "red"] });
  const segment = { length: 2, heat: { entropy: base64(0, 255) }, pictures: { x_1: ["a"] } };
  const run = unpackRun({ segments: [{ ...segment, believed }] }, (uri) => `bitmap of ${uri}`);
  const [unpacked] = run.segments;
  assert.equal(levelAt(unpacked, "entropy", 0, 1), 1);
  assert.ok(Number.isNaN(levelAt(unpacked, "none", 0, 1)));
  assert.deepEqual(unpacked.images, { x_1: ["bitmap of a"] });
  assert.deepEqual(probeAt(unpacked, 0, 0), { id: 0, words: "", sure: 1 });
  assert.deepEqual(probeAt(unpacked, 0, 1), { id: 1, words: "red car", sure: 0.2 });
  assert.equal(probeAt({ length: 2 }, 0, 0), null);
});

test("words have no pictures to unpack", () => {
  const run = unpackRun({ segments: [{ heat: {}, pictures: null }] }, assert.fail);
  assert.equal(run.segments[0].images, null);
});

test("side by side, runs are shown at one time", () => {
  const segment = { t: [0.25, 0.5, 1], steps: 3 };
  assert.equal(stepAt(segment, 0.1), 0);
  assert.equal(stepAt(segment, 0.5), 1);
  assert.equal(stepAt(segment, 0.99), 1);
  assert.equal(stepAt(segment, 1), 2);
});

test("a position is named by row and column, and by frame in a film", () => {
  assert.equal(placeName({ grid: null }, 4), "place 5");
  assert.equal(placeName({ grid: 8, frames: 1 }, 9), "row 2, column 2");
  assert.equal(placeName({ grid: 8, frames: 8 }, 64 + 9), "frame 2, row 2, column 2");
});

test("what is kept, agrees and changed", () => {
  assert.equal(isKept({ held: [3] }, 3), true);
  assert.equal(isKept({}, 3), false);
  assert.equal(
    agreement(
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 9],
      ],
    ),
    0.75,
  );
  assert.equal(agreement([[1]], [[1], [2]]), null);
  assert.equal(pathOf([5, 5, 7, 7, 5]), "5 → 7 → 5");
});

test("a table compares runs at one time", () => {
  const segment = {
    final: [[1], [2]],
    length: 2,
    codebooks: 1,
    nfe: [1, 2],
    num_active: [2, 2],
    elapsed_s: [0.5, 1],
    agrees: [0.5, 1],
    t: [0.5, 1],
    steps: 2,
    bits: 3.5,
  };
  const other = { ...segment, final: [[1], [9]], bits: null };
  const shown = [
    { title: "euler", segment },
    { title: "masked", segment: other },
  ];
  assert.deepEqual(comparisonRows(shown, 0.5), [
    ["euler", 2, 4, 2, "50 %", 3.5, "100 %"],
    ["masked", 2, 4, 2, "50 %", "–", "50 %"],
  ]);
});

test("edits put codes in place of a token's, and hold it", () => {
  const edits = new Edits();
  edits.choose(9, 1, 42, 4);
  edits.choose(9, 2, 7, 4);
  assert.deepEqual(edits.toRequest(), [[9, [null, 42, 7, null], true]]);
  edits.toggleHold(9, [1, 2, 3, 4], false);
  assert.equal(edits.get(9).held, false);
  assert.equal(edits.describe(), "1 place changed: press Run on from here.");
  edits.toggleHold(3, [1, 2], false);
  assert.deepEqual(edits.get(3), { codes: [1, 2], held: true }, "its prediction is held");
  edits.toggleHold(4, [1, 2], true);
  assert.deepEqual(edits.get(4), { codes: [null, null], held: false }, "it is let free");
  assert.equal(edits.describe(), "3 places changed: press Run on from here.");
  edits.clear();
  assert.equal(edits.describe(), "");
});

test("a pointer and the arrow keys find cells of a grid", () => {
  const box = { left: 100, top: 50, width: 80, height: 80 };
  assert.equal(cellAt({ clientX: 100, clientY: 50 }, box, 8), 0);
  assert.equal(cellAt({ clientX: 115, clientY: 65 }, box, 8), 9);
  assert.equal(cellAt({ clientX: 999, clientY: -9 }, box, 8), 7, "outside: the nearest");
  assert.equal(cellAfterKey(9, "ArrowUp", 8), 1);
  assert.equal(cellAfterKey(1, "ArrowUp", 8), 1);
  assert.equal(cellAfterKey(7, "ArrowRight", 8), 7);
  assert.equal(cellAfterKey(7, "ArrowDown", 8), 15);
  assert.equal(cellAfterKey(7, "x", 8), null);
  assert.deepEqual(cellCorner(9, 8, 48), [48, 48]);
});

test("numbers are averaged, bounded and written", () => {
  assert.equal(mean([1, 2, 6]), 3);
  assert.equal(mean([]), 0);
  assert.equal(clamp(9, 0, 5), 5);
  assert.equal(percent(0.126), "13 %");
  assert.equal(compact(3), "3");
  assert.equal(compact(0.126), "0.13");
});
