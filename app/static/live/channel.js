// The websocket of one run; it reconnects a few times when the connection is lost.

import { socketUrl } from "../address.js";
import { decodeMessage } from "./message.js";

const RETRIES = 4;
const RETRY_MS = 400;

export function runUrl(run) {
  return socketUrl(`live/${run}`);
}

export class Channel {
  // receive: called with every decoded message; every: whether media are wanted at each step
  constructor(run, receive, every = false) {
    this.run = run;
    this.address = every ? `${runUrl(run)}?every=1` : runUrl(run);
    this.receive = receive;
    this.closed = false;
    this.retries = RETRIES;
    this.open();
  }

  open() {
    const socket = new WebSocket(this.address);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.closed || this.receive(decodeMessage(event.data));
    socket.onclose = (event) => {
      if (this.closed || event.wasClean || this.retries-- <= 0) return;
      setTimeout(() => this.closed || this.open(), RETRY_MS);
    };
    this.socket = socket;
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}
