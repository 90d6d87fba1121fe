// The audio thread: plays the samples that are posted to it, and posts what the microphone hears.
// Without imports: not every browser follows them in a worklet.

const TOLD_EVERY = 800; // samples: 20 times a second

class SampleQueue {
  constructor() {
    this.clear();
  }

  clear() {
    this.pieces = [];
    this.at = 0; // what of the first piece has been played
  }

  get length() {
    return this.pieces.reduce((sum, piece) => sum + piece.length, -this.at);
  }

  push(samples) {
    this.pieces.push(samples);
  }

  // Fill the beginning of `out`; returns how many samples there were.
  fill(out) {
    let filled = 0;
    while (filled < out.length && this.pieces.length) {
      const piece = this.pieces[0].subarray(this.at, this.at + out.length - filled);
      out.set(piece, filled);
      filled += piece.length;
      this.at += piece.length;
      if (this.at < this.pieces[0].length) continue;
      this.pieces.shift();
      this.at = 0;
    }
    return filled;
  }
}

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = new SampleQueue();
    this.passed = this.told = 0; // samples that were played or flushed, and as of the last message
    this.port.onmessage = ({ data }) => {
      if (data === "flush") {
        this.passed += this.queue.length;
        this.queue.clear();
      } else this.queue.push(data);
    };
  }

  process(_inputs, [[out]]) {
    const filled = this.queue.fill(out);
    if (filled && !this.playing) this.port.postMessage("playing");
    if (!filled && this.playing) this.port.postMessage("silent");
    this.playing = filled > 0;
    this.passed += filled;
    if (this.passed - this.told >= TOLD_EVERY || (!filled && this.told < this.passed)) {
      this.told = this.passed;
      this.port.postMessage(this.passed);
    }
    return true;
  }
}

class Recorder extends AudioWorkletProcessor {
  process([[heard]]) {
    if (heard) this.port.postMessage(heard.slice());
    return true;
  }
}

registerProcessor("omni-player", Player);
registerProcessor("omni-recorder", Recorder);
