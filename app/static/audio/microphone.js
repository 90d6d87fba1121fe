// The microphone: hold the button (or the space bar on it) to talk, or leave it open, hands-free.

import { socketUrl } from "../address.js";
import { button, make } from "../dom.js";
import { LevelMeter } from "./level_meter.js";
import { base64FromBytes, pcmFromFloats, SAMPLE_RATE } from "./pcm.js";
import { player } from "./player.js";
import { Recorder } from "./recorder.js";
import { Chunker, TurnBuffer } from "./turn_buffer.js";

const LONGEST_TURN_S = 55;
const SHORTEST_TURN_S = 0.25;
const BEFORE_S = 0.5; // kept from before speech was noticed
const CHUNK = 512; // samples that go to the server at once: 32 ms
const FREE_AFTER_MS = 6000; // so long a new turn waits for an answer that is being stopped
const POLL_MS = 50;
const UNDER_WAY = "#speech-talk .omni-live:is([data-phase='running'], [data-phase='waiting'])";
const ANSWERING = "#speech-talk[data-answering], #speech-talk [data-answering]";
const ICON =
  "<svg viewBox='0 0 24 24' width='26' height='26' aria-hidden='true' fill='none'" +
  " stroke='currentColor' stroke-width='1.8' stroke-linecap='round'>" +
  "<rect x='9' y='3' width='6' height='11' rx='3'/>" +
  "<path d='M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21'/></svg>";
const HOLD = "Hold to talk, release to send.";
const REFUSED =
  "The browser does not let this page use the microphone: allow it beside the address, or upload a recording, or type.";
const ABSENT = "No microphone was found: upload a recording or type instead.";
const LOST = "The connection was lost: hold the button to talk.";

export class Microphone {
  // trigger: called with "spoken" and the samples of a turn, and with "hush" where one begins
  constructor(root, trigger) {
    Object.assign(this, { root, trigger, talking: false, open: false });
    this.turnBuffer = new TurnBuffer();
    this.chunker = new Chunker(CHUNK);
    this.build();
    this.recorder = new Recorder((samples) => this.receive(samples));
    player.onplaying = (playing, afterMs) => {
      this.root.classList.toggle("answering", playing);
      if (playing) this.root.dataset.playedAfterMs = Math.round(afterMs);
    };
    // sound may start from now on
    document.addEventListener("pointerdown", () => player.wake(), { once: true });
  }

  build() {
    this.button = button("", null, { name: "hold to talk", className: "omni-mic" });
    this.button.innerHTML = ICON;
    this.button.onpointerdown = (event) => {
      this.button.setPointerCapture(event.pointerId);
      this.hold();
    };
    this.button.onpointerup = () => this.release();
    this.button.onpointercancel = () => this.release();
    this.button.onkeydown = (event) => {
      if (event.code !== "Space" && event.code !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.hold();
    };
    this.button.onkeyup = () => this.release();
    this.button.onblur = () => this.release();
    this.meter = new LevelMeter();
    this.hint = make("p", "omni-hint", HOLD);
    this.hint.setAttribute("role", "status");
    this.switch = button("Hands-free", () => (this.open ? this.close() : this.listen()));
    this.switch.setAttribute("aria-pressed", "false");
    this.switch.title = "the microphone stays open; a pause ends your turn";
    const stop = button("Stop", () => this.interrupt());
    const side = make("div", "omni-mic-side", this.meter.root, this.hint);
    this.root.classList.add("omni-microphone");
    this.root.append(this.button, side, this.switch, stop);
  }

  // Returns whether it records now.
  async begin() {
    try {
      await this.recorder.start();
      return true;
    } catch (error) {
      this.say(error.name === "NotAllowedError" ? REFUSED : ABSENT);
      this.root.classList.add("without");
      return false;
    }
  }

  // ---- press to talk ---------------------------------------------------------------------------

  async hold() {
    if (this.open || this.talking) return;
    this.talking = true;
    this.turnBuffer.clear();
    this.interrupt();
    this.root.classList.add("talking");
    if (!(await this.begin())) {
      this.talking = false;
      return this.root.classList.remove("talking");
    }
    if (this.talking) this.say("Listening …");
    else this.recorder.stop(); // released before the microphone was there
  }

  release() {
    if (!this.talking || this.open) return;
    this.talking = false;
    this.root.classList.remove("talking");
    this.recorder.stop();
    this.send();
  }

  // ---- hands-free ------------------------------------------------------------------------------

  async listen() {
    if (!(await this.begin())) return;
    this.open = true;
    this.turnBuffer.clear();
    this.switch.setAttribute("aria-pressed", "true");
    this.root.classList.add("open");
    this.say("Say something; a pause ends your turn.");
    this.socket = new WebSocket(socketUrl("listen"));
    this.socket.onmessage = ({ data }) => this.changeTurn(JSON.parse(data).kind);
    this.socket.onclose = ({ reason }) => this.open && this.close(reason || LOST);
  }

  close(sentence = HOLD) {
    this.open = false;
    this.socket?.close();
    this.recorder.stop();
    this.switch.setAttribute("aria-pressed", "false");
    this.root.classList.remove("open", "talking");
    this.talking = false;
    this.say(sentence);
  }

  // kind: "speaking" where speech begins, another where it has ended
  changeTurn(kind) {
    this.talking = kind === "speaking";
    this.root.classList.toggle("talking", this.talking);
    if (this.talking) {
      this.interrupt();
      this.say("Listening …");
    } else {
      this.send();
    }
  }

  // ---- samples ---------------------------------------------------------------------------------

  receive(samples) {
    this.turnBuffer.push(samples);
    const tooLong = this.turnBuffer.length > LONGEST_TURN_S * SAMPLE_RATE;
    if (this.open && !this.talking) this.turnBuffer.keepLast(BEFORE_S * SAMPLE_RATE);
    if (this.open) this.pass(samples);
    if (this.talking && tooLong) this.open ? this.changeTurn("finished") : this.release();
    this.meter.add(samples);
  }

  // To the server, which says when somebody speaks.
  pass(samples) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    for (const chunk of this.chunker.push(samples)) this.socket.send(pcmFromFloats(chunk));
  }

  // A turn is over: once the answer that it interrupts is part of the history, it goes out.
  async send() {
    const samples = this.turnBuffer.take();
    if (samples.length < SHORTEST_TURN_S * SAMPLE_RATE) {
      return this.say("That was too short: hold the button while you talk.");
    }
    this.say("");
    const isBusy = () => document.querySelector(ANSWERING);
    for (let waited = 0; isBusy() && waited < FREE_AFTER_MS; waited += POLL_MS) {
      await after(POLL_MS);
    }
    const pcm = new Uint8Array(pcmFromFloats(samples).buffer);
    this.trigger("spoken", { pcm: base64FromBytes(pcm) });
  }

  // Silence at once; what still forms is stopped.
  interrupt() {
    player.silence();
    if (!document.querySelector(UNDER_WAY)) return;
    this.trigger("hush", {});
  }

  say(sentence) {
    this.hint.textContent = sentence;
  }
}

function after(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
