// A sound of an answer: its blocks as they form, and the whole when it has ended.

import { concat, floatsFromPcm, SAMPLE_RATE, wavSamples, withPrediction } from "../../audio/pcm.js";
import { player } from "../../audio/player.js";
import { lightWord, wordAt } from "../../audio/said_words.js";
import { drawSound } from "../../audio/sound_canvas.js";
import { countPainting } from "../../canvas.js";
import { make } from "../../dom.js";

const LEAST_SHOWN_S = 2;

export class AudioSegment {
  // first: the segment of its first block; began: when that began
  constructor(first = 0, began = 0) {
    Object.assign(this, { first, began });
    this.canvas = make("canvas", "omni-sound");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "the sound as it is at this step");
    this.facts = make("figcaption", "");
    this.root = make("figure", "omni-heard-sound", this.canvas, this.facts);
    this.final = []; // Float32Arrays that can be played
    this.wordEnds = []; // of the words that it says, in seconds
    this.text = null; // the element with these words
    this.ended = false;
    this.blocks = []; // the latest prediction of each block
  }

  // More of it is final. live: it is played at once.
  add(samples, live, wordEnds = []) {
    this.final.push(samples);
    this.wordEnds = wordEnds;
    if (live) {
      if (this.final.length === 1) this.lightWords(player.sent);
      player.play(samples);
    }
    this.draw();
  }

  // Light each word while it is said. first: the number of the sound's first sample.
  lightWords(first) {
    if (!this.text) return;
    const follow = (passed) => {
      const number = wordAt((passed - first) / SAMPLE_RATE, this.wordEnds);
      lightWord(this.text, number);
      const isOver = this.ended && passed >= player.sent;
      if (isOver || !this.text.isConnected) player.followers.delete(follow);
    };
    player.followers.add(follow);
  }

  async show(frame, live, predicted) {
    const buffer = await predicted?.media.x_1?.arrayBuffer();
    if (!buffer) return;
    const block = frame.header.segment - this.first;
    const samples = floatsFromPcm(buffer);
    if (this.whole) {
      const earlier = Array.from({ length: block }, (_, i) => this.blocks[i] ?? samples);
      const before = this.whole.subarray(0, concat(earlier).length);
      return this.paint(concat([before, samples]), 0);
    }
    this.blocks[block] = samples;
    if (live) this.blocks.length = block + 1;
    this.draw();
  }

  // The final samples, and the part of the predictions that lies behind them.
  draw() {
    const final = concat(this.final);
    this.paint(withPrediction(final, concat(this.blocks.filter(Boolean))), final.length);
  }

  paint(samples, settled) {
    const seconds = samples.length / SAMPLE_RATE;
    drawSound(this.canvas, samples, settled, Math.max(LEAST_SHOWN_S, seconds));
    countPainting(this.canvas);
    this.canvas.dataset.settled = String(settled);
    this.facts.textContent = `${seconds.toFixed(1)} s`;
  }

  settle() {}

  // The file is played by the browser's own controls.
  finish(_answer, blob) {
    this.ended = true;
    if (this.whole) return this.paint(this.whole, this.whole.length);
    if (!blob || this.controls) return;
    this.controls = make("audio", "omni-player");
    this.controls.controls = true;
    this.controls.src = URL.createObjectURL(blob);
    this.controls.ontimeupdate = () => {
      const { currentTime, paused } = this.controls;
      if (this.text) lightWord(this.text, paused ? -1 : wordAt(currentTime, this.wordEnds));
    };
    this.root.append(this.controls);
    blob.arrayBuffer().then((wav) => {
      this.whole = wavSamples(wav);
      this.paint(this.whole, this.whole.length);
    });
  }
}
