// The websocket of one run; it reconnects a few times when the connection is lost. Where the server
// does not answer at all any more, the run is over.

import { routeUrl, socketUrl } from "../address.js";
import { answers, noteInterrupted } from "../page/interrupted.js";
import { decodeMessage } from "./message.js";

const RETRIES = 4;
const RETRY_MS = 400;
const SERVER_ENDS = 1012; // the code with which a websocket closes when its server does
const LOST = "The page's server does not answer any more. Your words and settings are kept.";

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
      if (this.closed || (event.wasClean && event.code !== SERVER_ENDS)) return;
      if (this.retries-- > 0) setTimeout(() => this.closed || this.open(), RETRY_MS);
      else this.askWhetherLost();
    };
    this.socket = socket;
  }

  // Where websockets alone are impossible, the messages come another way.
  async askWhetherLost() {
    if ((await answers()) || this.closed) return;
    noteInterrupted(this.run);
    this.receive({ kind: "failed", number: "lost", sentence: LOST, media: {} });
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}
