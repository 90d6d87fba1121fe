// Plays the messages of a recorded run at its own pace.

import { messageFromJson } from "./message.js";

// recording: {messages: [...]}; receive: called with each when it is due, unless stopped() by then;
// hurry: all at once.
export async function playRecording(recording, { receive, stopped, hurry }) {
  const start = performance.now();
  for (const message of recording.messages) {
    const due = hurry ? 0 : (message.elapsed_s ?? 0) * 1000;
    const wait = due - (performance.now() - start);
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    if (stopped()) return;
    receive(messageFromJson(message));
  }
}
