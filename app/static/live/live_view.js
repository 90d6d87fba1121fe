// The live view: one run as it forms, and afterwards its steps to scrub through. Used by every tab.

import { floatsFromPcm } from "../audio/pcm.js";
import { factList, make, REDUCED_MOTION } from "../dom.js";
import { mean, percent } from "../numbers.js";
import { Candidates } from "./candidates.js";
import { Channel } from "./channel.js";
import { Noise } from "./noise.js";
import { describeRecipe } from "./recipe.js";
import { playRecording } from "./recording.js";
import { RunButtons } from "./run_buttons.js";
import { createSegment } from "./segments/segment.js";
import { VideoSegment } from "./segments/video_segment.js";
import { answerSentence, finalStatus, progressSentence, queueSentence } from "./sentences.js";
import { StepRuler } from "./step_ruler.js";
import { lastFrame, quarterDone, stepsSeen, totalSteps } from "./steps.js";
import { Timing } from "./timing.js";

const REPLAY_MS = 2400;
const STIR_MS = 280;

export class LiveView {
  // again: what "Run it live" does; links: whether a link can make the run again; noise: the size in
  // patches of what stands there before a run begins, where that is no film
  constructor(root, { again = null, links = false, noise = [8, 8] } = {}) {
    this.root = root;
    this.blank = root.closest(".omni-makes-video") ? new VideoSegment() : new Noise(...noise);
    this.build({ again, links });
    this.reset();
  }

  build(actions) {
    this.stage = make("div", "omni-stage");
    this.ruler = new StepRuler("step of the run", (step) => this.scrub(step));
    this.facts = make("div", "omni-meta");
    this.status = make("p", "omni-status");
    this.timed = make("p", "omni-timed");
    this.candidates = new Candidates();
    this.settings = make("p", "omni-recipe");
    this.announced = make("p", "omni-spoken");
    this.announced.setAttribute("aria-live", "polite");
    this.buttons = new RunButtons(this, actions);
    this.root.classList.add("omni-live", "grid-on");
    this.root.replaceChildren(
      this.stage,
      this.status,
      this.ruler.root,
      this.facts,
      this.timed,
      this.candidates.root,
      this.settings,
      this.buttons.root,
      this.announced,
    );
  }

  reset() {
    this.channel?.close();
    clearInterval(this.player);
    clearInterval(this.stirring);
    Object.assign(this, { channel: null, run: null, seen: new Set(), last: null, recipe: null });
    this.clearSegments();
    this.stage.replaceChildren(this.blank.root);
    this.blank.stir();
    this.candidates.clear();
    for (const node of [this.facts, this.status, this.timed, this.settings, this.announced]) {
      node.textContent = "";
    }
    this.ruler.enabled = false;
    this.setPhase("idle");
  }

  clearSegments() {
    this.ruler.root.after(this.facts);
    this.ruler.clear();
    Object.assign(this, { segments: [], position: -1, announcedQuarter: 0, timing: new Timing() });
  }

  setPhase(phase) {
    this.root.dataset.phase = phase;
    const hasSound = this.segments.some((segment) => segment.modality === "audio");
    this.root.classList.toggle("with-sound", hasSound);
    this.buttons.update(phase);
  }

  // ---- messages --------------------------------------------------------------------------------

  follow(run) {
    if (this.run === run) return;
    this.reset();
    this.isRecorded = false;
    this.run = this.root.dataset.run = run;
    this.channel = new Channel(run, (message) => this.accept(message));
    if (!REDUCED_MOTION.matches) this.stirring = setInterval(() => this.blank.stir(), STIR_MS);
    this.setPhase("waiting");
  }

  removeNoise() {
    clearInterval(this.stirring);
    this.blank.root.remove();
  }

  // A recorded run: {messages: [...]}, played at its own pace.
  async play(recording) {
    this.reset();
    this.isRecorded = true;
    const mine = Symbol("recorded run");
    this.playing = mine;
    await playRecording(recording, {
      receive: (message) => this.accept(message),
      stopped: () => this.playing !== mine || this.run !== null,
      hurry: REDUCED_MOTION.matches,
    });
  }

  accept(message) {
    if (this.seen.has(message.number)) return;
    this.seen.add(message.number);
    const { media, ...header } = message;
    const handlers = {
      waiting: () => this.showPlace(header.place),
      started: () => this.startSegment(header),
      refined: () => this.refine({ header, media }),
      drafted: () => this.announce(this.candidates.add(header, media.picture)),
      sounded: () => this.addSound(header, media.samples),
      completed: () => this.finish(header, media),
      stopped: () => this.finish(header, media),
      failed: () => this.fail(header.sentence),
    };
    handlers[header.kind]?.();
  }

  showPlace(place) {
    if (this.segments.length || this.last) return;
    this.status.textContent = queueSentence(place);
    this.announce(this.status.textContent);
  }

  startSegment(header) {
    if (header.segment === 0 && this.segments.length) this.startCandidate();
    const segment = createSegment(header, this.segments.at(-1), this.length);
    this.ruler.addSteps(segment.steps);
    this.segments[header.segment] = segment;
    this.place(segment, header.after);
    this.recipe = header.recipe;
    const part = this.segments.length;
    this.status.textContent =
      header.heard > 1 ? `Writing down part ${part} of ${header.heard}` : "";
    this.removeNoise();
    this.setPhase("running");
  }

  // after: behind how many words of the answer it stands, where it stands among words
  place({ modality, view, heard, continues }, after) {
    if (heard) view.root.classList.add("omni-heard");
    const words = this.segments.findLast((s) => s.modality === "text" && !s.heard);
    if (words && modality === "audio") view.text = words.view.words;
    if (words && after) words.view.open(view.root, after);
    else if (!continues) this.stage.append(view.root);
    if (view.side) view.side.prepend(this.facts); // the facts stand in the free corner
  }

  // The next candidate begins where the one before it stood.
  startCandidate() {
    for (const segment of this.segments) segment.view.root.remove();
    this.clearSegments();
  }

  refine(frame) {
    const { header } = frame;
    const segment = this.segments[header.segment];
    if (!segment || header.number < segment.from) return; // a late step of an earlier candidate
    segment.frames[header.index] = frame;
    const step = segment.offset + header.index;
    this.ruler.setChanged(step, mean(header.changed));
    if (this.last) return;
    this.show(step, true);
    this.announceProgress(header);
    if (segment.modality !== "text") return;
    const isLast = header.index === segment.steps - 1;
    this.timing.addWords({ heard: segment.heard, isLast }, header.elapsed_s);
    this.timed.textContent = this.timing.describe();
  }

  // More of a sound is final; it is played where the run is followed live.
  async addSound(header, blob) {
    const segment = this.segments[header.segment];
    if (!segment || this.last) return;
    this.timing.addSound(blob.size, segment.view.began, header.elapsed_s);
    this.timed.textContent = this.timing.describe();
    const buffer = await blob.arrayBuffer();
    segment.view.add(floatsFromPcm(buffer), !this.isRecorded, header.word_ends_s);
  }

  finish(header, media) {
    this.removeNoise();
    this.last = { header, media };
    this.recipe = header.recipe;
    this.ruler.enabled = this.length > 1;
    this.setPhase(header.kind);
    this.show(this.length - 1, false);
    const seen = stepsSeen(this.segments);
    this.status.textContent = finalStatus(header, seen);
    this.settings.textContent = describeRecipe(this.recipe, this.isRecorded);
    this.announce(answerSentence(header, this.recipe.prompt, seen));
  }

  fail(sentence) {
    this.removeNoise();
    this.last = { header: { answers: [] }, media: {} };
    this.status.textContent = sentence;
    this.announce(sentence);
    this.setPhase("failed");
  }

  // ---- display ---------------------------------------------------------------------------------

  get length() {
    return totalSteps(this.segments);
  }

  get hasPictures() {
    return this.segments.some((s) => s.modality === "image" || s.modality === "video");
  }

  // The answer's first medium of a content type.
  mediaOf(type) {
    return Object.values(this.last?.media ?? {}).find((blob) => blob.type === type);
  }

  // The run as it was at a step, counted over all segments.
  show(position, live) {
    this.position = position;
    this.ruler.setPosition(position);
    for (const segment of this.segments) this.showSegment(segment, position - segment.offset, live);
  }

  showSegment(segment, step, live) {
    const { view, steps, frames } = segment;
    if (!segment.continues) view.root.hidden = step < 0;
    const frame = lastFrame(frames, Math.min(step, steps - 1));
    if (step < 0 || !frame) return;
    const passed = step >= steps;
    const decoded = (name) => lastFrame(frames, frame.header.index, name);
    view.show(frame, live && !passed, decoded("x_1"), decoded("x_t"));
    const isFinal = this.last && this.position >= this.length - 1;
    const answers = this.last?.header.answers ?? [];
    const answer = answers[segment.answer];
    if (answer && (isFinal || passed)) {
      const media = this.last.media[`answer_${segment.answer}`];
      view.finish(answer, media, this.recipe.prompt, answers.length === 1);
    } else if (passed) {
      view.settle(frame);
    }
    if (!passed) this.showFacts(frame.header);
  }

  showFacts({ index, num_steps, t, nfe, elapsed_s }) {
    const facts = [
      ["step", `${index + 1} / ${num_steps}`],
      ["progress", percent(t), `t = ${t.toFixed(2)}: how far the noise has been left behind`],
      ["model calls", nfe],
      ["seconds", elapsed_s.toFixed(elapsed_s < 1 ? 2 : 1)],
    ];
    this.facts.replaceChildren(...factList(facts));
    this.ruler.setText(`step ${index + 1} of ${num_steps}`);
  }

  scrub(position) {
    clearInterval(this.player);
    this.show(position, false);
  }

  replay() {
    clearInterval(this.player);
    let position = 0;
    this.show(position, true);
    const pause = Math.max(40, REPLAY_MS / Math.max(this.length, 1));
    this.player = setInterval(() => {
      position += 1;
      this.show(Math.min(position, this.length - 1), true);
      if (position >= this.length - 1) clearInterval(this.player);
    }, pause);
  }

  // A progress sentence at each quarter, never every step.
  announceProgress(header) {
    const quarter = quarterDone(header);
    if (quarter === this.announcedQuarter) return;
    this.announcedQuarter = quarter;
    this.announce(progressSentence(header));
  }

  // For screen readers.
  announce(sentence) {
    if (sentence) this.announced.textContent = sentence;
  }
}
