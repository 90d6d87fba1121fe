// Sound in the browser: playing samples as they come, recording the microphone, drawing what is heard.

const RATE = 16000; // samples a second, everywhere

const WORKLETS = `
registerProcessor("omni-player", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.waiting = [];
    this.at = 0;
    this.port.onmessage = ({ data }) => {
      if (data === "flush") [this.waiting, this.at] = [[], 0];
      else this.waiting.push(data);
    };
  }
  process(inputs, [[out]]) {
    let filled = 0;
    while (filled < out.length && this.waiting.length) {
      const piece = this.waiting[0].subarray(this.at, this.at + out.length - filled);
      out.set(piece, filled);
      filled += piece.length;
      this.at += piece.length;
      if (this.at < this.waiting[0].length) continue;
      this.waiting.shift();
      this.at = 0;
    }
    if (filled && !this.playing) this.port.postMessage("playing");
    if (!filled && this.playing) this.port.postMessage("silent");
    this.playing = filled > 0;
    return true;
  }
});
registerProcessor("omni-recorder", class extends AudioWorkletProcessor {
  process([[heard]]) {
    if (heard) this.port.postMessage(heard.slice());
    return true;
  }
});`;

// One context for the page. Browsers start it only while somebody presses something: call `wake` there.
const audio = {
  context: null,
  ready: null,
  player: null,
  onplaying: null, // is told whether it sounds, and how many ms after the samples were there
  given: null,

  wake() {
    if (!this.context) {
      this.context = new AudioContext({ sampleRate: RATE });
      const code = URL.createObjectURL(new Blob([WORKLETS], { type: "text/javascript" }));
      this.ready = this.context.audioWorklet.addModule(code).then(() => {
        this.player = new AudioWorkletNode(this.context, "omni-player", { outputChannelCount: [1] });
        this.player.port.onmessage = ({ data }) => this.onplaying?.(data === "playing", performance.now() - this.given);
        this.player.connect(this.context.destination);
      });
    }
    this.context.resume();
    return this.ready;
  },

  // Float32Array of samples, after those that are still waiting.
  async play(samples) {
    if (!this.context) return; // nobody has pressed anything yet: nothing may sound
    this.given = performance.now();
    await this.ready;
    this.player.port.postMessage(samples);
  },

  hush() {
    this.player?.port.postMessage("flush");
  },
};

function floatsOf(buffer) {
  return Float32Array.from(new Int16Array(buffer), (sample) => sample / 32767);
}

function int16Of(samples) {
  return Int16Array.from(samples, (sample) => Math.max(-1, Math.min(1, sample)) * 32767);
}

function base64Of(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

function joined(pieces) {
  const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  pieces.reduce((at, piece) => (whole.set(piece, at), at + piece.length), 0);
  return whole;
}

// The microphone: `start` asks for it, `heard` gets Float32Arrays of samples until `stop`.
class Recorder {
  constructor(heard) {
    this.heard = heard;
  }

  async start() {
    await audio.wake();
    const settings = { channelCount: 1, echoCancellation: true, noiseSuppression: true };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: settings });
    this.source = audio.context.createMediaStreamSource(this.stream);
    this.node = new AudioWorkletNode(audio.context, "omni-recorder", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => this.heard(data);
    this.source.connect(this.node);
  }

  stop() {
    this.source?.disconnect();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.source = this.stream = null;
  }
}

// ---- what sound looks like -----------------------------------------------------------------------

const SPECTRUM = { size: 512, step: 160, bands: 48, lowest: 60, highest: 7600 };
const MEL = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const HERTZ = (mel) => 700 * (10 ** (mel / 2595) - 1);

// Edges of the mel bands as bins of the transform.
const BANDS = Array.from({ length: SPECTRUM.bands + 1 }, (_, i) => {
  const [low, high] = [MEL(SPECTRUM.lowest), MEL(SPECTRUM.highest)];
  return (HERTZ(low + ((high - low) * i) / SPECTRUM.bands) * SPECTRUM.size) / RATE;
});
const HANN = Float32Array.from({ length: SPECTRUM.size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SPECTRUM.size));

// In place, radix 2.
function transform(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let span = 2; span <= n; span <<= 1) {
    for (let k = 0; k < span / 2; k++) {
      const angle = (-2 * Math.PI * k) / span;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      for (let i = k; i < n; i += span) {
        const j = i + span / 2;
        const [x, y] = [re[j] * c - im[j] * s, re[j] * s + im[j] * c];
        re[j] = re[i] - x;
        im[j] = im[i] - y;
        re[i] += x;
        im[i] += y;
      }
    }
  }
}

// Columns of loudness in 0..1, one for every 10 ms, lowest band first.
function melColumns(samples) {
  const { size, step, bands } = SPECTRUM;
  const columns = [];
  const [re, im] = [new Float32Array(size), new Float32Array(size)];
  for (let at = 0; at + step <= samples.length; at += step) {
    im.fill(0);
    for (let i = 0; i < size; i++) re[i] = (samples[at + i - (size - step) / 2] ?? 0) * HANN[i];
    transform(re, im);
    columns.push(Float32Array.from({ length: bands }, (_, b) => {
      const [low, high] = [Math.floor(BANDS[b]), Math.max(Math.ceil(BANDS[b + 1]), Math.floor(BANDS[b]) + 1)];
      let power = 0;
      for (let k = low; k < high; k++) power += re[k] ** 2 + im[k] ** 2;
      return Math.max(0, Math.min(1, (Math.log10(power / (high - low) + 1e-9) + 3.2) / 4.6));
    }));
  }
  return columns;
}

function ink(element) {
  return getComputedStyle(element).getPropertyValue("--omni-accent").trim() || "#4a3fc0";
}

// The mel picture above, the waveform below; `settled` columns are final, the others still form.
function drawSound(canvas, samples, settled, seconds) {
  const columns = melColumns(samples);
  const width = Math.max(Math.round(seconds * 100), columns.length, 1);
  const { bands } = SPECTRUM;
  canvas.width = width;
  canvas.height = bands + 18;
  const pen = canvas.getContext("2d");
  pen.fillStyle = ink(canvas);
  columns.forEach((column, x) => {
    const depth = x * SPECTRUM.step < settled ? 1 : 0.45;
    column.forEach((loud, band) => {
      if (loud < 0.02) return;
      pen.globalAlpha = depth * loud ** 1.3;
      pen.fillRect(x, bands - 1 - band, 1, 1);
    });
    let peak = 0;
    for (let i = x * SPECTRUM.step; i < (x + 1) * SPECTRUM.step; i++) peak = Math.max(peak, Math.abs(samples[i] ?? 0));
    const tall = Math.max(0.5, Math.min(1, peak * 2.4) * 16);
    pen.globalAlpha = depth * 0.75;
    pen.fillRect(x, bands + 10 - tall / 2, 1, tall);
  });
}

// A sound of an answer: its blocks as they form, and the whole when it has ended.
class SoundSegment {
  constructor() {
    this.canvas = make("canvas", "omni-sound");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "the sound as it is at this step");
    this.facts = make("figcaption", "");
    this.root = make("figure", "omni-heard-sound", this.canvas, this.facts);
    this.first = 0; // the segment of its first block
    this.final = []; // Float32Arrays that can be played
    this.blocks = []; // the latest prediction of each block
  }

  add(samples, live) {
    this.final.push(samples);
    if (live) audio.play(samples);
    this.draw();
  }

  async show(frame, live, predicted) {
    const buffer = await predicted?.media.x_1?.arrayBuffer();
    if (!buffer) return;
    const block = frame.header.segment - this.first;
    const samples = floatsOf(buffer);
    if (this.whole) return this.paint(joined([this.whole.subarray(0, block * samples.length), samples]), 0);
    this.blocks[block] = samples;
    if (live) this.blocks.length = block + 1;
    this.draw();
  }

  // What is final, and the part of the predictions that lies behind it.
  draw() {
    const [final, predicted] = [joined(this.final), joined(this.blocks.filter(Boolean))];
    const more = predicted.length > final.length;
    this.paint(more ? joined([final, predicted.subarray(final.length)]) : final, final.length);
  }

  paint(samples, settled) {
    drawSound(this.canvas, samples, settled, Math.max(2, samples.length / RATE));
    this.canvas.dataset.painted = String(Number(this.canvas.dataset.painted ?? 0) + 1);
    this.canvas.dataset.settled = String(settled);
    this.facts.textContent = `${(samples.length / RATE).toFixed(1)} s`;
  }

  settle() {}

  // The file is played by the browser's own controls.
  finish(answer, blob) {
    if (this.whole) return this.paint(this.whole, this.whole.length);
    if (!blob || this.controls) return;
    this.controls = make("audio", "omni-player");
    this.controls.controls = true;
    this.controls.src = URL.createObjectURL(blob);
    this.root.append(this.controls);
    blob.arrayBuffer().then((wav) => {
      this.whole = floatsOf(wav.slice(wavStart(wav)));
      this.paint(this.whole, this.whole.length);
    });
  }
}

// Where the samples of a WAV file begin.
function wavStart(buffer) {
  const view = new DataView(buffer);
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (view.getUint32(at) === 0x64617461) return at + 8; // "data"
    at += 8 + size + (size % 2);
  }
  return view.byteLength;
}
