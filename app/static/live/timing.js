// When each part of an answer was there, in seconds since the run began.

import { SAMPLE_RATE } from "../audio/pcm.js";

export class Timing {
  constructor() {
    this.sounding = 0; // seconds of sound so far
  }

  // A step of a segment of words: what was said to the model, or what it answers.
  addWords({ heard, isLast }, elapsed) {
    if (heard && isLast) this.transcript = elapsed;
    if (!heard) this.words ??= elapsed;
  }

  // More of a sound: 16-bit samples; began: when its first block began.
  addSound(num_bytes, began, elapsed) {
    this.sound ??= elapsed;
    this.sounding += num_bytes / 2 / SAMPLE_RATE;
    this.took = elapsed - began;
  }

  // The facts as a line; nothing for words alone.
  describe() {
    const { transcript, words, sound, sounding, took } = this;
    if (transcript === undefined && sound === undefined) return "";
    const facts = [
      ["transcript", transcript],
      ["first words", words],
      ["first sound", sound],
    ];
    const known = facts.filter(([, seconds]) => seconds !== undefined);
    const shown = known.map(([name, seconds]) => `${name} ${seconds.toFixed(2)} s`);
    if (sounding) shown.push(describeSpeed(sounding / took));
    return shown.join(" · ");
  }
}

// times: seconds of sound made in one second.
function describeSpeed(times) {
  return times >= 1
    ? `${times.toFixed(1)}x faster than real time`
    : `${(1 / times).toFixed(1)}x slower than real time`;
}
