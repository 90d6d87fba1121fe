// Plays the messages of a recorded run in a few seconds, however long it took.

import { messageFromJson } from "../message.js";
import { SLOW_MS } from "./pacer.js";

const PLAYED_MS = 4000;
const REPLAY_MS = 2400;

// recording: {messages: [...]}; receive: called with each when it is due, unless stopped() by then;
// hurry: all at once. Everything is read before the first is due.
export async function playRecording(recording, { receive, stopped, hurry }) {
  const messages = recording.messages.map(messageFromJson);
  const took = Math.max(...messages.map((message) => message.elapsed_s ?? 0)) || 1;
  const start = performance.now();
  for (const message of messages) {
    const due = hurry ? 0 : ((message.elapsed_s ?? 0) / took) * PLAYED_MS;
    const wait = due - (performance.now() - start);
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    if (stopped()) return;
    receive(message);
  }
}

// The steps of a run that is over, once more from the second on; returns the interval to clear.
export function replayed(length, show) {
  let step = 0;
  const last = length - 1;
  const player = setInterval(
    () => {
      step += 1;
      show(Math.min(step, last));
      if (step >= last) clearInterval(player);
    },
    Math.max(SLOW_MS, REPLAY_MS / Math.max(length, 1)),
  );
  return player;
}
