// What is said of those who wait.

import assert from "node:assert/strict";
import test from "node:test";
import { lineSentence } from "../../app/static/live/sentences.js";

test("a short line is not spoken of, a long one has a time, a full one says so", () => {
  assert.equal(lineSentence({ waiting: 0, wait_s: null, full: false }), "");
  assert.equal(lineSentence({ waiting: 2, wait_s: 5, full: false }), "");
  const sentence = "Many people are here: 12 runs are ahead of a new one";
  assert.equal(lineSentence({ waiting: 12, wait_s: null, full: false }), `${sentence}.`);
  assert.equal(
    lineSentence({ waiting: 12, wait_s: 41.4, full: false }),
    `${sentence}, about 41 s.`,
  );
  assert.equal(
    lineSentence({ waiting: 12, wait_s: 120, full: false }),
    `${sentence}, about 2 minutes.`,
  );
  assert.match(lineSentence({ waiting: 96, wait_s: 9, full: true }), /^As many people wait as can/);
});
