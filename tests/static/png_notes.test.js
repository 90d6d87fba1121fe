// The settings in a PNG file, as the page reads them.

import assert from "node:assert/strict";
import test from "node:test";
import { pngNotes, recipeOf } from "../../app/static/image/png_notes.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

function chunk(type, content) {
  const length = [24, 16, 8, 0].map((shift) => (content.length >> shift) & 255);
  return [...length, ...new TextEncoder().encode(type), ...content, 0, 0, 0, 0];
}

function note(keyword, text, compressed = 0) {
  const encode = (words) => [...new TextEncoder().encode(words)];
  return chunk("iTXt", [...encode(keyword), 0, compressed, 0, 0, 0, ...encode(text)]);
}

const png = (...chunks) => Uint8Array.from([...SIGNATURE, ...chunks.flat()]).buffer;

test("texts are found by their keyword, between other chunks", () => {
  const file = png(chunk("IHDR", [1, 2, 3]), note("prompt", "a dög"), note("seed", "7"));
  assert.deepEqual(pngNotes(file), { prompt: "a dög", seed: "7" });
});

test("a recipe is read where the file holds a whole one", () => {
  const recipe = { prompt: "a dog", seed: 7, steps: 16 };
  assert.deepEqual(recipeOf(png(note("settings", JSON.stringify(recipe)))), recipe);
  assert.equal(recipeOf(png(note("settings", "{"))), null);
  assert.equal(recipeOf(png(note("settings", "[1]"))), null);
  assert.equal(recipeOf(png(note("settings", "{}", 1))), null);
});

test("what is no PNG, or is cut off, holds nothing", () => {
  assert.deepEqual(pngNotes(new ArrayBuffer(0)), {});
  assert.deepEqual(pngNotes(new TextEncoder().encode("GIF89a and more").buffer), {});
  const whole = new Uint8Array(png(note("prompt", "a dog")));
  for (let length = 0; length < whole.length; length++) pngNotes(whole.slice(0, length).buffer);
});
