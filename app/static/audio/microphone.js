// The microphone: hold the button (or the space bar on it) to talk, or leave it open, hands-free.

const LONGEST_TURN_S = 55;
const BEFORE_S = 0.5; // kept from before speech was noticed
const FREE_AFTER_MS = 6000; // so long a new turn waits for an answer that is being stopped

class Microphone {
  constructor(root, trigger) {
    Object.assign(this, { root, trigger, pieces: [], talking: false, open: false, level: 0 });
    this.build();
    this.recorder = new Recorder((samples) => this.hear(samples));
    audio.onplaying = (playing, afterMs) => {
      this.root.classList.toggle("answering", playing);
      if (playing) this.root.dataset.playedAfterMs = Math.round(afterMs);
    };
    document.addEventListener("pointerdown", () => audio.wake(), { once: true }); // sound may start from now on
  }

  build() {
    this.button = make("button", "omni-mic");
    this.button.type = "button";
    this.button.innerHTML =
      "<svg viewBox='0 0 24 24' width='26' height='26' aria-hidden='true' fill='none' stroke='currentColor' stroke-width='1.8'" +
      " stroke-linecap='round'><rect x='9' y='3' width='6' height='11' rx='3'/><path d='M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21'/></svg>";
    this.button.setAttribute("aria-label", "hold to talk");
    this.meter = make("canvas", "omni-meter");
    [this.meter.width, this.meter.height] = [240, 40];
    this.meter.setAttribute("aria-hidden", "true");
    this.hint = make("p", "omni-hint", "Hold to talk, release to send.");
    this.hint.setAttribute("role", "status");
    this.switch = make("button", "omni-button", "Hands-free");
    this.switch.type = "button";
    this.switch.setAttribute("aria-pressed", "false");
    this.switch.title = "the microphone stays open; a pause ends your turn";
    this.quiet = make("button", "omni-button", "Stop");
    this.quiet.type = "button";
    this.quiet.onclick = () => this.hush();
    this.button.onpointerdown = (event) => {
      this.button.setPointerCapture(event.pointerId);
      this.hold();
    };
    this.button.onpointerup = this.button.onpointercancel = () => this.release();
    this.button.onkeydown = (event) => {
      if (event.code !== "Space" && event.code !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.hold();
    };
    this.button.onkeyup = () => this.release();
    this.button.onblur = () => this.release();
    this.switch.onclick = () => (this.open ? this.close() : this.listen());
    this.levels = new Float32Array(60);
    this.root.classList.add("omni-microphone");
    this.root.append(this.button, make("div", "omni-mic-side", this.meter, this.hint), this.switch, this.quiet);
  }

  async begin() {
    try {
      await this.recorder.start();
      return true;
    } catch (error) {
      const refused = error.name === "NotAllowedError";
      this.say(
        refused
          ? "The browser does not let this page use the microphone: allow it beside the address, or upload a recording, or type."
          : "No microphone was found: upload a recording or type instead.",
      );
      this.root.classList.add("without");
      return false;
    }
  }

  // ---- press to talk ---------------------------------------------------------------------------

  async hold() {
    if (this.open || this.talking) return;
    this.talking = true;
    this.pieces = [];
    this.hush();
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
    this.pieces = [];
    this.switch.setAttribute("aria-pressed", "true");
    this.root.classList.add("open");
    this.say("Say something; a pause ends your turn.");
    const url = new URL("listen", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(url);
    this.socket.onmessage = ({ data }) => this.turn(JSON.parse(data).kind);
    this.socket.onclose = ({ reason }) => this.open && this.close(reason || "The connection was lost: hold the button to talk.");
  }

  close(sentence = "Hold to talk, release to send.") {
    this.open = false;
    this.socket?.close();
    this.recorder.stop();
    this.switch.setAttribute("aria-pressed", "false");
    this.root.classList.remove("open", "talking");
    this.talking = false;
    this.say(sentence);
  }

  turn(kind) {
    this.talking = kind === "speaking";
    this.root.classList.toggle("talking", this.talking);
    if (this.talking) {
      this.hush();
      this.say("Listening …");
    } else {
      this.send();
    }
  }

  // ---- what is heard ---------------------------------------------------------------------------

  hear(samples) {
    this.pieces.push(samples);
    const length = this.pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (this.open && !this.talking) {
      let spare = length - BEFORE_S * RATE;
      while (spare > this.pieces[0].length) spare -= this.pieces.shift().length;
    }
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.pass(samples);
    if (this.talking && length > LONGEST_TURN_S * RATE) this.open ? this.turn("finished") : this.release();
    this.draw(samples);
  }

  // To the server in pieces of 32 ms.
  pass(samples) {
    this.waiting = joined([this.waiting ?? new Float32Array(0), samples]);
    while (this.waiting.length >= 512) {
      this.socket.send(int16Of(this.waiting.subarray(0, 512)));
      this.waiting = this.waiting.slice(512);
    }
  }

  // A turn is over: once the answer that it interrupts has stopped, it goes out.
  async send() {
    const samples = joined(this.pieces);
    this.pieces = [];
    if (samples.length < 0.25 * RATE) return this.say("That was too short: hold the button while you talk.");
    this.say("");
    const busy = () => document.querySelector("#speech-talk .omni-live:is([data-phase='running'], [data-phase='waiting'])");
    for (let waited = 0; busy() && waited < FREE_AFTER_MS; waited += 50) await new Promise((done) => setTimeout(done, 50));
    if (this.hushed) await new Promise((done) => setTimeout(done, 250)); // until its end has reached the page
    this.hushed = false;
    this.trigger("spoken", { pcm: base64Of(new Uint8Array(int16Of(samples).buffer)) });
  }

  // Silence at once; what still forms is stopped.
  hush() {
    audio.hush();
    if (!document.querySelector("#speech-talk .omni-live:is([data-phase='running'], [data-phase='waiting'])")) return;
    this.hushed = true;
    this.trigger("hush", {});
  }

  say(sentence) {
    this.hint.textContent = sentence;
  }

  draw(samples) {
    let peak = 0;
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    this.level = Math.max(peak, this.level);
    if (performance.now() - (this.drawn ?? 0) < 33) return;
    this.drawn = performance.now();
    this.levels.copyWithin(0, 1);
    this.levels[this.levels.length - 1] = this.level;
    this.level = 0;
    const pen = this.meter.getContext("2d");
    const { width, height } = this.meter;
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = ink(this.meter);
    this.levels.forEach((level, i) => {
      const tall = Math.max(2, Math.min(1, level * 2.5) * height);
      pen.fillRect((i * width) / this.levels.length, (height - tall) / 2, width / this.levels.length - 1.5, tall);
    });
  }
}
