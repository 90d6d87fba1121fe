// The wall and the map of the gallery.

import assert from "node:assert/strict";
import test from "node:test";
import { MapCamera } from "../../app/static/gallery/map_camera.js";
import { masonry, wallColumns } from "../../app/static/gallery/masonry.js";

function camera() {
  const made = new MapCamera();
  made.resize(1000, 500);
  return made;
}

function near(actual, expected) {
  actual.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) < 1e-6, `${actual} is not ${expected}`);
  });
}

test("columns fill the width of the wall, two at least", () => {
  assert.deepEqual(wallColumns(176 * 3 + 14 * 2), { count: 3, width: 176 });
  assert.equal(wallColumns(176 * 3 + 14 * 2 - 1).count, 2);
  assert.deepEqual(wallColumns(214), { count: 2, width: 100 });
});

test("every tile goes where the wall is lowest", () => {
  const { places, height } = masonry([100, 50, 30, 30], { count: 2, width: 200 });
  assert.deepEqual(places, [
    [0, 0],
    [214, 0],
    [214, 64],
    [214, 108],
  ]);
  assert.equal(height, 152);
  assert.deepEqual(masonry([], { count: 2, width: 200 }), { places: [], height: 0 });
});

test("no two tiles overlap", () => {
  const heights = Array.from({ length: 40 }, (_, i) => 40 + ((i * 37) % 90));
  const columns = wallColumns(900);
  const { places, height } = masonry(heights, columns);
  const boxes = places.map(([x, y], i) => ({ x, y, bottom: y + heights[i] }));
  for (const [i, a] of boxes.entries()) {
    assert.ok(a.bottom <= height);
    const clash = boxes.some((b, k) => k < i && b.x === a.x && b.y < a.bottom && a.y < b.bottom);
    assert.equal(clash, false);
  }
});

test("the middle of the map is in the middle of the canvas", () => {
  near(camera().project({ x: 0.5, y: 0.5 }), [500, 250]);
  near(camera().project({ x: 0, y: 1 }), [50, 470]);
});

test("what is under the pointer stays there while it is zoomed", () => {
  const made = camera();
  const place = { x: 0.4, y: 0.6 };
  const before = made.project(place);
  made.zoomAt(...before, 3);
  near(made.project(place), before);
  assert.equal(made.zoom, 3);
  made.zoomAt(500, 250, 1000);
  assert.equal(made.zoom, 60);
  made.zoomAt(500, 250, 1e-6);
  assert.equal(made.zoom, 1);
});

test("a drag moves the map with the pointer, not out of sight", () => {
  const made = camera();
  const place = { x: 0.5, y: 0.5 };
  made.pan(40, -20);
  near(made.project(place), [540, 230]);
  made.pan(1e6, 1e6);
  assert.deepEqual([made.x, made.y], [0, 0]);
});

test("the nearest place counts within reach only", () => {
  const made = camera();
  const places = [
    { x: 0.5, y: 0.5 },
    { x: 0.51, y: 0.5 },
  ];
  assert.equal(made.nearest(places, 501, 250, 16), 0);
  assert.equal(made.nearest(places, 508, 250, 16), 1);
  assert.equal(made.nearest(places, 700, 250, 16), -1);
  assert.equal(made.middle(places), 0);
  assert.equal(made.middle([]), -1);
});

test("arrows go to the next place in their direction", () => {
  const made = camera();
  const places = [
    { x: 0.5, y: 0.5 },
    { x: 0.6, y: 0.5 },
    { x: 0.9, y: 0.5 },
    { x: 0.5, y: 0.2 },
  ];
  assert.equal(made.neighbour(places, 0, [1, 0]), 1);
  assert.equal(made.neighbour(places, 1, [1, 0]), 2);
  assert.equal(made.neighbour(places, 2, [1, 0]), -1);
  assert.equal(made.neighbour(places, 0, [0, -1]), 3);
  assert.equal(made.neighbour(places, 1, [-1, 0]), 0);
});

test("a place outside is brought into sight", () => {
  const made = camera();
  made.zoomAt(500, 250, 10);
  const place = { x: 0.9, y: 0.9 };
  assert.equal(made.sees(made.project(place)), false);
  made.follow(place);
  near(made.project(place), [500, 250]);
  const { x, y } = made;
  made.follow({ x: 0.901, y: 0.9 });
  assert.deepEqual([made.x, made.y], [x, y], "what is well in sight moves nothing");
});
