// A run's recipe as a sentence, a file name and a link; addresses below a proxy's prefix.

import assert from "node:assert/strict";
import test from "node:test";
import { routeUrl, socketUrl } from "../../app/static/address.js";
import { describeRecipe, fileName, linkTo } from "../../app/static/live/recipe.js";

const RECIPE = { prompt: "a red car!", seed: 7, steps: 8, guidance: 3, method: "midpoint" };
const PAGE = { origin: "https://demo.example", pathname: "/omni/" };

test("a recipe is a sentence, without what is not known", () => {
  assert.equal(
    describeRecipe(RECIPE, true),
    "“a red car!” · seed 7 · 8 steps · guidance 3 · midpoint · recorded",
  );
  assert.equal(describeRecipe({ prompt: "hello", seed: 0 }), "“hello” · seed 0");
  assert.match(describeRecipe({ ...RECIPE, guidance: 0 }), /guidance 0/);
});

test("a file name keeps letters and digits", () => {
  assert.equal(fileName(RECIPE), "a-red-car-seed-7.png");
  assert.equal(fileName({ prompt: "¿?", seed: 1 }, "mp4"), "answer-seed-1.mp4");
  assert.equal(fileName({ prompt: "x".repeat(99), seed: 1 }), `${"x".repeat(60)}-seed-1.png`);
});

test("a link carries the recipe and the checkpoint, below the page's own path", () => {
  const url = new URL(linkTo(RECIPE, "image", "abc123", PAGE));
  assert.equal(url.origin + url.pathname, "https://demo.example/omni/");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    tab: "image",
    prompt: "a red car!",
    seed: "7",
    steps: "8",
    guidance: "3",
    method: "midpoint",
    checkpoint: "abc123",
  });
});

test("a link to the Lab carries what the Lab has besides", () => {
  const more = { temperature: 0.5, c: 3 };
  const url = new URL(linkTo({ ...RECIPE, to: null, more }, "lab", null, PAGE));
  assert.equal(url.searchParams.get("to"), "auto");
  assert.equal(url.searchParams.get("temperature"), "0.5");
  assert.equal(url.searchParams.has("checkpoint"), false);
});

test("routes are relative to the page", () => {
  const base = "https://demo.example/omni/?tab=lab";
  assert.equal(
    routeUrl("gallery/search", {}, base).href,
    "https://demo.example/omni/gallery/search",
  );
  const values = { viewer: "a b", item: "" };
  assert.equal(
    routeUrl("gallery/file/3", values, base).href,
    "https://demo.example/omni/gallery/file/3?viewer=a+b",
  );
  assert.equal(socketUrl("live/x", base).href, "wss://demo.example/omni/live/x");
  assert.equal(socketUrl("listen", "http://127.0.0.1:7860/").href, "ws://127.0.0.1:7860/listen");
});
