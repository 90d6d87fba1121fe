// Samples, WAV files, the queue of the audio thread, turns of the microphone, the spectrogram.

import assert from "node:assert/strict";
import test from "node:test";
import {
  base64FromBytes,
  concat,
  encodeWav,
  floatsFromPcm,
  pcmFromFloats,
  SAMPLE_RATE,
  wavSamples,
  withPrediction,
} from "../../app/static/audio/pcm.js";
import { columnPeak, fourier, melColumns, SPECTRUM } from "../../app/static/audio/spectrogram.js";
import { Chunker, TurnBuffer } from "../../app/static/audio/turn_buffer.js";

const floats = (...values) => Float32Array.from(values);

// The processors of the audio thread, as a browser registers them.
async function processors() {
  const found = {};
  globalThis.AudioWorkletProcessor = class {
    port = { posted: [], postMessage: (message) => this.port.posted.push(message) };
  };
  globalThis.registerProcessor = (name, processor) => {
    found[name] = processor;
  };
  await import("../../app/static/audio/worklets.js");
  return found;
}

test("samples survive 16 bits, and loud ones are cut off", () => {
  const pcm = pcmFromFloats(floats(0, 0.5, -1, 7, -7));
  assert.deepEqual([...pcm], [0, 16383, -32767, 32767, -32767]);
  const back = floatsFromPcm(pcm.buffer);
  assert.ok(Math.abs(back[1] - 0.5) < 1e-4);
  assert.equal(back[3], 1);
});

test("a WAV file has the samples that were put in", async () => {
  const samples = floats(0, 0.25, -0.25);
  const wav = await encodeWav(samples).arrayBuffer();
  const view = new DataView(wav);
  assert.equal(wav.byteLength, 44 + 6);
  assert.equal(view.getUint32(24, true), SAMPLE_RATE);
  assert.equal(view.getUint32(40, true), 6);
  const back = wavSamples(wav);
  assert.equal(back.length, 3);
  assert.ok(Math.abs(back[1] - 0.25) < 1e-4);
});

test("chunks before the samples of a WAV file are stepped over", () => {
  const view = new DataView(new ArrayBuffer(12 + 8 + 4 + 8 + 2));
  view.setUint32(12, 0x4c495354); // "LIST", 3 bytes and one to be even
  view.setUint32(16, 3, true);
  view.setUint32(24, 0x64617461); // "data"
  view.setUint32(28, 2, true);
  view.setInt16(32, 32767, true);
  assert.deepEqual([...wavSamples(view.buffer)], [1]);
});

test("pieces are joined, and a prediction goes on behind what is final", () => {
  assert.deepEqual([...concat([floats(1, 2), floats(), floats(3)])], [1, 2, 3]);
  assert.deepEqual([...withPrediction(floats(1, 2), floats(8, 8, 9))], [1, 2, 9]);
  assert.deepEqual([...withPrediction(floats(1, 2), floats(8))], [1, 2]);
});

test("long recordings become base64", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 256);
  assert.equal(base64FromBytes(bytes), Buffer.from(bytes).toString("base64"));
});

test("the audio thread plays pieces without a gap, and tells when it sounds", async () => {
  const Player = (await processors())["omni-player"];
  const player = new Player();
  const heard = [];
  const play = () => {
    const out = new Float32Array(4);
    player.process([], [[out]]);
    heard.push(...out);
  };
  player.port.onmessage({ data: floats(1, 2, 3) });
  player.port.onmessage({ data: floats(4, 5, 6) });
  play();
  play();
  play();
  assert.deepEqual(heard, [1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(player.port.posted, ["playing", "silent", 6], "6 samples have passed");
  player.port.onmessage({ data: floats(7, 8) });
  player.port.onmessage({ data: "flush" });
  play();
  assert.deepEqual(heard.slice(-4), [0, 0, 0, 0], "what was flushed is not heard");
  assert.equal(player.port.posted.at(-1), 8, "but it has passed");
});

test("a turn keeps what was heard shortly before it", () => {
  const turn = new TurnBuffer();
  for (let i = 0; i < 5; i++) turn.push(floats(i, i));
  turn.keepLast(3);
  assert.equal(turn.length, 4, "whole pieces, at least as many samples as asked for");
  assert.deepEqual([...turn.take()], [3, 3, 4, 4]);
  assert.equal(turn.length, 0);
  turn.keepLast(3);
  assert.deepEqual([...turn.take()], []);
});

test("a stream is cut into chunks of one size, and none is lost", () => {
  const chunker = new Chunker(4);
  const cut = [floats(1, 2, 3), floats(4, 5, 6, 7, 8, 9), floats(10)];
  const chunks = cut.flatMap((samples) => chunker.push(samples));
  assert.deepEqual(
    chunks.map((chunk) => [...chunk]),
    [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ],
  );
  assert.deepEqual([...chunker.push(floats(11, 12))[0]], [9, 10, 11, 12]);
});

test("the transform finds the frequency of a wave", () => {
  const n = 64;
  const re = Float32Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * 5 * i) / n));
  const im = new Float32Array(n);
  fourier(re, im);
  const power = Array.from(re, (x, k) => Math.hypot(x, im[k]));
  assert.ok(Math.abs(power[5] - n / 2) < 1e-3);
  assert.ok(Math.abs(power[n - 5] - n / 2) < 1e-3);
  assert.ok(power.every((p, k) => k === 5 || k === n - 5 || p < 1e-3));
});

test("a higher tone is higher in the spectrogram, and silence is empty", () => {
  const tone = (hertz) =>
    Float32Array.from({ length: 1600 }, (_, i) =>
      Math.sin((2 * Math.PI * hertz * i) / SAMPLE_RATE),
    );
  const loudest = (samples) => {
    const column = melColumns(samples)[5];
    return column.indexOf(Math.max(...column));
  };
  assert.equal(melColumns(tone(440)).length, 10, "a column for every 10 ms");
  assert.ok(loudest(tone(300)) < loudest(tone(1000)));
  assert.ok(loudest(tone(1000)) < loudest(tone(4000)));
  assert.ok(melColumns(new Float32Array(1600)).every((column) => column.every((v) => v === 0)));
  assert.equal(columnPeak(floats(...new Array(SPECTRUM.step).fill(0), -0.5), 1), 0.5);
});
