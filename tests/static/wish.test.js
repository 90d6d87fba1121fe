// A wish that is written by pressing words.

import assert from "node:assert/strict";
import test from "node:test";
import { partsOf, withColour, withPhrase, withThing } from "../../app/static/palette/wish.js";

const words = {
  colours: { red: "#f00", orange: "#fa0" },
  places: ["at night", "in the sky", "on the grass"],
  motions: ["bouncing", "moving up"],
};

test("four presses make a sentence", () => {
  let text = withColour("", "red", words);
  assert.equal(text, "a red");
  text = withThing(text, "an owl", words);
  assert.equal(text, "a red owl");
  text = withThing(text, "a lion", words);
  assert.equal(text, "a red owl and a lion");
  assert.equal(withPhrase(text, "place", "at night", words), "a red owl and a lion at night");
});

test("things and colours go before what ends the sentence", () => {
  const text = "a dog bouncing on the grass";
  assert.deepEqual(partsOf(text, words), {
    things: "a dog",
    motion: "bouncing",
    place: "on the grass",
  });
  assert.equal(withThing(text, "an ant", words), "a dog and an ant bouncing on the grass");
  const waiting = withColour(text, "orange", words);
  assert.equal(waiting, "a dog and an orange bouncing on the grass");
  assert.equal(withThing(waiting, "a cat", words), "a dog and an orange cat bouncing on the grass");
});

test("what takes no article gets none", () => {
  assert.equal(withThing("a red", "jeans", words), "red jeans");
  assert.equal(withThing("a dog and a red", "jeans", words), "a dog and red jeans");
  assert.equal(withThing("", "bread", words), "bread");
});

test("the same press again takes it back, another replaces it", () => {
  assert.equal(withColour("a red", "red", words), "");
  assert.equal(withColour("a dog and a red", "red", words), "a dog");
  assert.equal(withColour("a red", "orange", words), "an orange");
  assert.equal(withPhrase("a dog at night", "place", "at night", words), "a dog");
  assert.equal(withPhrase("a dog at night", "place", "in the sky", words), "a dog in the sky");
  assert.equal(
    withPhrase("a dog at night", "motion", "bouncing", words),
    "a dog bouncing at night",
  );
});

test("words of the visitor's own stay", () => {
  assert.equal(withThing("draw me a big orange", "a cat", words), "draw me a big orange and a cat");
  assert.equal(withPhrase("two cats.", "place", "at night", words), "two cats at night");
});
