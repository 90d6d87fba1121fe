// The microphone as samples.

import { player } from "./player.js";

const MICROPHONE = { channelCount: 1, echoCancellation: true, noiseSuppression: true };

export class Recorder {
  // receive: called with Float32Arrays of samples from `start` to `stop`
  constructor(receive) {
    this.receive = receive;
  }

  // Raises what `getUserMedia` raises where the microphone cannot be used.
  async start() {
    await player.wake();
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: MICROPHONE });
    this.source = player.context.createMediaStreamSource(this.stream);
    this.node = new AudioWorkletNode(player.context, "omni-recorder", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => this.receive(data);
    this.source.connect(this.node);
  }

  stop() {
    this.source?.disconnect();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.source = this.stream = null;
  }
}
