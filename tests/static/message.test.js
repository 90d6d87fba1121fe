// Messages of the live channel, from the wire and from JSON.

import assert from "node:assert/strict";
import test from "node:test";
import {
  blobFromDataUri,
  bytesFromBase64,
  decodeMessage,
  messageFromJson,
} from "../../app/static/live/message.js";

// One message as the server packs it.
function wire(header, ...contents) {
  const head = new TextEncoder().encode(JSON.stringify(header));
  const size = contents.reduce((sum, bytes) => sum + bytes.length, 4 + head.length);
  const whole = new Uint8Array(size);
  new DataView(whole.buffer).setUint32(0, head.length);
  whole.set(head, 4);
  let at = 4 + head.length;
  for (const bytes of contents) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole.buffer;
}

async function bytesOf(blob) {
  return [...new Uint8Array(await blob.arrayBuffer())];
}

test("a binary message is taken apart into its header and its media", async () => {
  const media = [
    { name: "x_1", type: "image/jpeg", size: 3 },
    { name: "x_t", type: "image/png", size: 2 },
  ];
  const header = { kind: "refined", number: 7, words_t: ["ä", " “b”"], media };
  const message = decodeMessage(wire(header, [1, 2, 3], [4, 255]));
  assert.equal(message.kind, "refined");
  assert.equal(message.number, 7);
  assert.deepEqual(message.words_t, ["ä", " “b”"]);
  assert.deepEqual(Object.keys(message.media), ["x_1", "x_t"]);
  assert.equal(message.media.x_1.type, "image/jpeg");
  assert.deepEqual(await bytesOf(message.media.x_1), [1, 2, 3]);
  assert.deepEqual(await bytesOf(message.media.x_t), [4, 255]);
});

test("a message without media has none", () => {
  const message = decodeMessage(wire({ kind: "waiting", number: 1, place: 2, media: [] }));
  assert.deepEqual(message, { kind: "waiting", number: 1, place: 2, media: {} });
});

test("a message that is cut off is an error", () => {
  const media = [{ name: "x_1", type: "image/jpeg", size: 9 }];
  assert.throws(() => decodeMessage(wire({ kind: "refined", media }, [1, 2])), RangeError);
});

test("the JSON shape becomes the same message", async () => {
  const media = { answer_0: "data:image/png;base64,AP8=" };
  const message = messageFromJson({ kind: "completed", number: 3, media });
  assert.equal(message.kind, "completed");
  assert.equal(message.media.answer_0.type, "image/png");
  assert.deepEqual(await bytesOf(message.media.answer_0), [0, 255]);
  assert.deepEqual(messageFromJson({ kind: "waiting" }), { kind: "waiting", media: {} });
});

test("data URIs and base64 are bytes", async () => {
  const blob = blobFromDataUri("data:audio/wav;base64,UklGRg==");
  assert.equal(blob.type, "audio/wav");
  assert.equal(await blob.text(), "RIFF");
  assert.deepEqual([...bytesFromBase64("AQID")], [1, 2, 3]);
});
