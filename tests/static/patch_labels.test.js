import assert from "node:assert/strict";
import { test } from "node:test";

import { cellsOf } from "../../app/static/live/xray/patch_labels.js";

test("a thing has one id, whatever its colour; the background has none", () => {
  const words = ["", "red car", "blue car", "dog"];
  const cells = cellsOf({ words, sure: [0.9, 0.8, 0.7, 0.6] });
  assert.equal(cells[0].id, 0);
  assert.equal(cells[1].id, cells[2].id);
  assert.notEqual(cells[1].id, cells[3].id);
  assert.ok(cells.slice(1).every((cell) => cell.id > 0));
  assert.deepEqual(
    cells.map((cell) => cell.words),
    words,
  );
});
