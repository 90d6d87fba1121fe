import assert from "node:assert/strict";
import { test } from "node:test";
import { Pacer } from "../../app/static/live/pacing/pacer.js";

// A pacer whose rests end when `pass` is called.
function paced(how) {
  const shown = [];
  const rests = [];
  const show = (step) => shown.push(step);
  const pacer = new Pacer(show, () => how.now, { wait: (end) => rests.push(end) });
  const pass = async () => {
    await null;
    await null;
    rests.shift()?.();
  };
  return { pacer, shown, pass };
}

test("live shows the newest step at once, and the end", () => {
  const { pacer, shown } = paced({ now: "live" });
  let over = 0;
  pacer.offer(0);
  pacer.offer(3);
  pacer.finish(() => {
    over += 1;
  });
  assert.deepEqual(shown, [0, 3]);
  assert.equal(over, 1);
});

test("slow shows every step in order, and the end after them", async () => {
  const { pacer, shown, pass } = paced({ now: "slow" });
  let over = false;
  for (let step = 0; step < 4; step++) pacer.offer(step);
  pacer.finish(() => {
    over = true;
  });
  assert.deepEqual(shown, [0]);
  for (let n = 1; n < 4; n++) {
    await pass();
    assert.deepEqual(shown, [0, 1, 2, 3].slice(0, n + 1));
    assert.equal(over, false);
  }
  await pass();
  assert.equal(over, true);
});

test("slow waits for a step that has not come", async () => {
  const { pacer, shown, pass } = paced({ now: "slow" });
  pacer.offer(0);
  await pass();
  assert.deepEqual(shown, [0]);
  pacer.offer(1);
  assert.deepEqual(shown, [0, 1]);
});

test("by hand each step waits to be asked for", () => {
  const { pacer, shown } = paced({ now: "step" });
  let over = false;
  pacer.offer(0);
  pacer.offer(1);
  pacer.finish(() => {
    over = true;
  });
  assert.deepEqual(shown, [0]);
  pacer.next();
  assert.deepEqual(shown, [0, 1]);
  assert.equal(over, false);
  pacer.next();
  assert.equal(over, true);
});

test("another pace in the middle shows what was held back", async () => {
  const how = { now: "slow" };
  const { pacer, shown, pass } = paced(how);
  for (let step = 0; step < 5; step++) pacer.offer(step);
  how.now = "live";
  pacer.advance();
  assert.deepEqual(shown, [0, 4]);
  await pass();
  assert.deepEqual(shown, [0, 4]);
});

test("a reset forgets what was to come", async () => {
  const { pacer, shown, pass } = paced({ now: "slow" });
  pacer.offer(0);
  pacer.offer(1);
  pacer.reset();
  await pass();
  assert.deepEqual(shown, [0]);
  pacer.offer(0);
  assert.deepEqual(shown, [0, 0]);
});
