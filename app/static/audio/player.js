// Plays samples as they come. One audio context for the page: browsers start it only while somebody
// presses something, so call `wake` there.

import { SAMPLE_RATE } from "./pcm.js";

const OUTPUT = { outputChannelCount: [1] };

export const player = {
  context: null,
  ready: null,
  node: null,
  onplaying: null, // called with whether it sounds, and how many ms after the samples were there
  given: null,
  sent: 0, // samples that were given, since the page opened
  followers: new Set(), // called with how many of these have passed: played, or silenced

  wake() {
    this.context ??= new AudioContext({ sampleRate: SAMPLE_RATE });
    this.ready ??= this.connect();
    this.context.resume();
    return this.ready;
  },

  async connect() {
    await this.context.audioWorklet.addModule(new URL("./worklets.js", import.meta.url));
    this.node = new AudioWorkletNode(this.context, "omni-player", OUTPUT);
    this.node.port.onmessage = ({ data }) => {
      if (typeof data === "number") for (const follow of this.followers) follow(data);
      else this.onplaying?.(data === "playing", performance.now() - this.given);
    };
    this.node.connect(this.context.destination);
  },

  // Float32Array of samples, after those that are still waiting.
  async play(samples) {
    if (!this.context) return; // nobody has pressed anything yet: nothing may sound
    this.given = performance.now();
    this.sent += samples.length;
    await this.ready;
    this.node.port.postMessage(samples);
  },

  silence() {
    this.node?.port.postMessage("flush");
  },
};
