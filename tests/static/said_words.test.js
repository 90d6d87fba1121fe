// The word that is being said.

import assert from "node:assert/strict";
import test from "node:test";
import { wordAt } from "../../app/static/audio/said_words.js";

test("a word is said until it ends, and none behind the last", () => {
  const ends = [0.4, 0.75, 1.5];
  assert.deepEqual(
    [0, 0.39, 0.4, 1.2, 1.5, 9].map((seconds) => wordAt(seconds, ends)),
    [0, 0, 1, 2, -1, -1],
  );
  assert.equal(wordAt(0, []), -1);
});
