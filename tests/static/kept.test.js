// What the browser keeps of a conversation and of a form, and what it tells of it.

import assert from "node:assert/strict";
import test from "node:test";
import { asText, describe, merged } from "../../app/static/chat/conversation_keeper.js";
import { keepForm, keptForm } from "../../app/static/page/kept_form.js";

const head = { format: "a conversation", version: 1 };
const turn = (words) => ({ role: "user", parts: [{ text: words }] });

test("kept turns stay, new ones come, and those that are gone go", () => {
  const kept = { head, keys: ["a", "b"], turns: { a: turn("one"), b: turn("two") } };
  const now = merged(kept, { head, keys: ["a", "c"], turns: { c: turn("three") } });
  assert.deepEqual(now.turns, { a: turn("one"), c: turn("three") });
  assert.deepEqual(now.keys, ["a", "c"]);
  assert.deepEqual(merged(null, kept).turns, kept.turns);
});

test("the text is a saved conversation", () => {
  const kept = { head, keys: ["b", "a"], turns: { a: turn("one"), b: turn("two") } };
  assert.deepEqual(JSON.parse(asText(kept)), { ...head, turns: [turn("two"), turn("one")] });
  assert.equal(asText(null), null);
  assert.equal(asText({ head, keys: [], turns: {} }), null);
});

test("of a conversation that is too long the oldest exchanges stay behind", () => {
  const keys = ["a", "b", "c", "d"];
  const turns = Object.fromEntries(keys.map((key) => [key, turn(key.repeat(100))]));
  const left = JSON.parse(asText({ head, keys, turns }, 350)).turns;
  assert.deepEqual(left, [turns.c, turns.d]);
  assert.equal(asText({ head, keys, turns }, 10), null);
});

test("a change of any turn is seen", () => {
  const before = [{ id: "turn-1", parts: [], words: "" }];
  const after = [{ id: "turn-1", parts: [{ text: "hello" }], words: "hello" }];
  assert.notEqual(describe(before), describe(after));
  assert.equal(describe([]), "");
});

test("a form is kept from its first filling on, for its own checkpoint", () => {
  const items = new Map();
  globalThis.sessionStorage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
  };
  const address = "http://127.0.0.1/";
  keepForm("image", ["too early"], "one");
  assert.deepEqual(keptForm("image", ["given"], "one", address), ["given"]);
  keepForm("image", ["a whale"], "one");
  assert.deepEqual(keptForm("image", ["given"], "one", address), ["a whale"]);
  assert.deepEqual(keptForm("image", ["given"], "two", address), ["given"]);
  assert.deepEqual(keptForm("image", ["given", 8], "one", address), ["given", 8]);
  assert.deepEqual(keptForm("image", ["given"], "one", `${address}?prompt=a+dog`), ["given"]);
});
