// The steps of a run, the frames of a film, the timing and the sentences of the live view.

import assert from "node:assert/strict";
import test from "node:test";
import { playRecording } from "../../app/static/live/pacing/recording.js";
import { frameAt, nextPlace, splitFrames } from "../../app/static/live/segments/playback.js";
import { answerSentence, finalStatus, queueSentence } from "../../app/static/live/sentences.js";
import {
  continuesSound,
  isSettled,
  lastFrame,
  quarterDone,
  splitPiece,
  splitWords,
  stepsSeen,
  totalSteps,
} from "../../app/static/live/steps.js";
import { Timing } from "../../app/static/live/timing.js";

test("the last frame up to a step is found, with a medium where one is asked for", () => {
  const frames = [{ media: { x_1: 1 } }, { media: {} }, undefined, { media: { x_1: 4 } }];
  assert.equal(lastFrame(frames, 2), frames[1]);
  assert.equal(lastFrame(frames, 2, "x_1"), frames[0]);
  assert.equal(lastFrame(frames, 99, "x_1"), frames[3]);
  assert.equal(lastFrame(frames, 2, "x_t"), null);
  assert.equal(lastFrame(frames, -1), null);
  assert.equal(lastFrame([], 0), null);
});

test("a run is announced at each quarter", () => {
  const quarters = Array.from({ length: 8 }, (_, index) => quarterDone({ index, num_steps: 8 }));
  assert.deepEqual(quarters, [0, 1, 1, 2, 2, 3, 3, 4]);
  assert.equal(quarterDone({ index: 0, num_steps: 1 }), 4);
});

test("words are cut into spaces and words, and behind a number of words", () => {
  assert.deepEqual(splitPiece("  cat"), ["  ", "cat"]);
  assert.deepEqual(splitPiece("cat"), ["", "cat"]);
  assert.deepEqual(splitWords("here you go and more", 3), ["here you go", "and more"]);
  assert.deepEqual(splitWords("here you go", 3), ["here you go", ""]);
  assert.equal(isSettled(" cat", " cat", 0.9), true);
  assert.equal(isSettled(" cat", " cat", 0.89), false);
  assert.equal(isSettled(" cat", " dog", 1), false);
});

test("the blocks of one sound are one answer", () => {
  assert.equal(continuesSound("audio", { modality: "audio" }), true);
  assert.equal(continuesSound("audio", { modality: "text" }), false);
  assert.equal(continuesSound("image", { modality: "image" }), false);
  assert.equal(continuesSound("audio", undefined), false);
});

test("steps are counted over segments", () => {
  const segments = [
    { steps: 4, frames: [1, 2, 3, 4] },
    { steps: 8, frames: [1, 2, 3] },
  ];
  assert.equal(totalSteps(segments), 12);
  assert.equal(stepsSeen(segments), "3 of 8");
  assert.equal(stepsSeen([]), "0");
});

test("a film rests on its last frame, and begins again", () => {
  const places = [0];
  for (let i = 0; i < 10; i++) places.push(nextPlace(places.at(-1), 8));
  const shown = places.map((place) => frameAt(place, 8));
  assert.deepEqual(shown, [0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 0]);
});

test("the values of a film are those of its frames", () => {
  assert.deepEqual(splitFrames([1, 2, 3, 4, 5, 6], 3), [
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  assert.deepEqual(splitFrames([], 2), [[], []]);
});

test("the timing line tells of transcript, words and sound", () => {
  const timing = new Timing();
  timing.addWords({ heard: 0, isLast: false }, 0.5);
  assert.equal(timing.describe(), "", "words alone have no line");
  timing.addWords({ heard: 1, isLast: false }, 0.6);
  timing.addWords({ heard: 1, isLast: true }, 0.8);
  timing.addWords({ heard: 0, isLast: true }, 0.9);
  assert.equal(timing.describe(), "transcript 0.80 s · first words 0.50 s");
  timing.addSound(32_000, 1, 1.5); // a second of 16-bit samples at 16 kHz
  timing.addSound(32_000, 1, 2);
  assert.equal(
    timing.describe(),
    "transcript 0.80 s · first words 0.50 s · first sound 1.50 s · 2.0x faster than real time",
  );
});

test("a visitor is told the place in line and how a run ended", () => {
  assert.equal(queueSentence(0), "Starting…");
  assert.equal(queueSentence(1), "1 run is ahead of yours");
  assert.equal(queueSentence(3), "3 runs are ahead of yours");
  assert.equal(queueSentence(1, 20), "1 run is ahead of yours, about 20 s");
  assert.equal(queueSentence(9, 200), "9 runs are ahead of yours, about 3 minutes");
  const picture = { modality: "image" };
  const completed = { kind: "completed", answers: [{ text: "here you go" }, picture] };
  assert.equal(finalStatus(completed, "8 of 8"), "");
  assert.equal(answerSentence(completed, "a cat", "8 of 8"), "here you go. A picture for “a cat”.");
  const stopped = { kind: "stopped", answers: [picture] };
  assert.equal(finalStatus(stopped, "3 of 8"), "Stopped at step 3 of 8. ");
  const heard = "Stopped at step 3 of 8. A picture for “draw a cat”.";
  assert.equal(answerSentence(stopped, "draw a cat", "3 of 8"), heard);
  const twice = { kind: "completed", answers: [{ text: "here you go!" }, { text: "a cat" }] };
  assert.equal(answerSentence(twice, "a cat", "8 of 8"), "here you go! a cat.");
  assert.equal(finalStatus({ kind: "stopped", answers: [] }, "0"), "Stopped before it began.");
  const doubtful = { kind: "completed", answers: [{ text: "what", doubtful: true }] };
  assert.match(finalStatus(doubtful, "8 of 8"), /^I am not sure/);
  const same = { kind: "completed", answers: [{ modality: "image", unchanged: true }] };
  assert.match(finalStatus(same, "8 of 8"), /^Almost nothing changed/);
});

test("a recording is played in order until it is stopped", async () => {
  const recording = { messages: [{ number: 1 }, { number: 2, elapsed_s: 3600 }, { number: 3 }] };
  const played = [];
  await playRecording(recording, {
    receive: (message) => played.push(message.number),
    stopped: () => played.length === 2,
    hurry: true,
  });
  assert.deepEqual(played, [1, 2]);
});
