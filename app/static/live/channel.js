// The websocket of one run; it reconnects a few times when the connection is lost.

import { routeUrl, socketUrl } from "../address.js";
import { decodeMessage } from "./message.js";

const RETRIES = 4;
const RETRY_MS = 400;

export function runUrl(run) {
  return socketUrl(`live/${run}`);
}

export class Channel {
  // receive: called with every decoded message; every: whether media are wanted at each step; labels:
  // whether pictures are to carry what the model sees where
  constructor(run, receive, { every = false, labels = false } = {}) {
    this.run = run;
    this.address = routeUrl(runUrl(run), { every: every && 1, labels: labels && 1 });
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
