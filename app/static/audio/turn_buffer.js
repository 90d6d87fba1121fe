// What the microphone has heard of a turn.

import { concat } from "./pcm.js";

export class TurnBuffer {
  constructor() {
    this.clear();
  }

  clear() {
    this.pieces = [];
    this.length = 0; // in samples
  }

  push(samples) {
    this.pieces.push(samples);
    this.length += samples.length;
  }

  // Forget the oldest pieces while more than `samples` would be left without them.
  keepLast(samples) {
    while (this.length - samples > this.pieces[0]?.length) {
      this.length -= this.pieces.shift().length;
    }
  }

  // All of it; it is empty then.
  take() {
    const samples = concat(this.pieces);
    this.clear();
    return samples;
  }
}

// Cuts a stream of samples into chunks of one size.
export class Chunker {
  constructor(size) {
    this.size = size;
    this.waiting = new Float32Array(0);
  }

  // The chunks that are complete with these samples.
  push(samples) {
    this.waiting = concat([this.waiting, samples]);
    const chunks = [];
    while (this.waiting.length >= this.size) {
      chunks.push(this.waiting.slice(0, this.size));
      this.waiting = this.waiting.slice(this.size);
    }
    return chunks;
  }
}
