// The live view: one run as it forms, and afterwards its steps to scrub through. Used by every tab.

import { floatsFromPcm } from "../audio/pcm.js";
import { factList, make, REDUCED_MOTION } from "../dom.js";
import { mean } from "../numbers.js";
import { Announcer } from "./announcer.js";
import { Candidates } from "./candidates.js";
import { Channel } from "./channel.js";
import { Noise } from "./noise.js";
import { pace, showsEveryStep } from "./pacing/pace.js";
import { Pacer } from "./pacing/pacer.js";
import { playRecording, replayed } from "./pacing/recording.js";
import { describeRecipe } from "./recipe.js";
import { RunButtons } from "./run_buttons.js";
import { createSegment } from "./segments/segment.js";
import { VideoSegment } from "./segments/video_segment.js";
import { answerSentence, finalStatus, queueSentence, stepFacts } from "./sentences.js";
import { StepRuler } from "./step_ruler.js";
import { lastFrame, stepsSeen, totalSteps } from "./steps.js";
import { Timing } from "./timing.js";

const STIR_MS = 280;

export class LiveView {
  // again: what "Run it live" does; links: whether a link can make the run again; noise: the size in
  // patches of what stands there before a run begins, where that is no film
  constructor(root, { again = null, links = false, noise = [8, 8] } = {}) {
    this.root = root;
    this.blank = root.closest(".omni-makes-video") ? new VideoSegment() : new Noise(...noise);
    this.pacer = new Pacer((step) => this.show(step, true), pace);
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
    this.announcer = new Announcer();
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
      this.announcer.root,
    );
  }

  reset() {
    this.channel?.close();
    clearInterval(this.player);
    clearInterval(this.stirring);
    Object.assign(this, { channel: null, run: null, seen: new Set(), last: null, recipe: null });
    this.isEnding = false; // the end has come, the steps before it are still to be shown
    this.clearSegments();
    this.stage.replaceChildren(this.blank.root);
    this.blank.stir();
    this.candidates.clear();
    for (const node of [this.facts, this.status, this.timed, this.settings, this.announcer.root]) {
      node.textContent = "";
    }
    this.ruler.enabled = false;
    this.setPhase("idle");
  }

  clearSegments() {
    this.ruler.root.after(this.facts);
    this.ruler.clear();
    this.pacer.reset();
    Object.assign(this, { segments: [], position: -1, timing: new Timing() });
    this.announcer.quarter = 0;
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
    const wanted = { every: showsEveryStep(), labels: this.buttons.xray.isOn };
    this.channel = new Channel(run, (message) => this.accept(message), wanted);
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
    Object.assign(this, { isRecorded: true, recorded: recording.name });
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
      waiting: () => this.showPlace(header.place, header.wait_s),
      away: () => this.tell(header.sentence),
      started: () => this.startSegment(header),
      refined: () => this.refine({ header, media }),
      drafted: () => this.announcer.say(this.candidates.add(header, media.picture)),
      sounded: () => this.addSound(header, media.samples),
      completed: () => this.finish(header, media),
      stopped: () => this.finish(header, media),
      failed: () => this.fail(header.sentence),
    };
    handlers[header.kind]?.();
  }

  showPlace(place, waitS) {
    if (this.segments.length || this.last) return;
    this.tell(queueSentence(place, waitS));
  }

  startSegment(header) {
    if (header.segment === 0 && this.segments.length) this.startCandidate();
    const segment = createSegment(header, this.segments.at(-1), this.length);
    this.ruler.addSteps(segment.steps);
    this.segments[header.segment] = segment;
    if (!segment.continues) segment.view.root.hidden = this.pacer.shown < this.pacer.there;
    this.place(segment, header.after);
    if (segment.modality === "audio") this.pacer.hurry(); // what is heard is not behind what is seen
    this.recipe = header.recipe;
    this.status.textContent = segment.told;
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
    if (!this.last) this.status.textContent = segment.told; // it is back, where it was away
    const step = segment.offset + header.index;
    this.ruler.setChanged(step, mean(header.changed));
    if (this.last) return;
    if (this.isRecorded || REDUCED_MOTION.matches) this.show(step, true);
    else this.pacer.offer(step);
    this.announcer.progress(header);
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

  // The end is shown when the steps before it were, unless the run was stopped.
  finish(header, media) {
    const end = () => this.conclude(header, media);
    if (header.kind === "stopped" || this.pacer.shown < 0) return end();
    this.isEnding = true;
    this.pacer.finish(end);
    if (this.isEnding) this.setPhase("showing");
  }

  conclude(header, media) {
    this.isEnding = false;
    this.pacer.reset();
    this.removeNoise();
    this.last = { header, media };
    this.recipe = header.recipe;
    this.ruler.enabled = this.length > 1;
    this.setPhase(header.kind);
    this.show(this.length - 1, false);
    const seen = stepsSeen(this.segments);
    this.status.textContent = finalStatus(header, seen);
    this.settings.textContent = describeRecipe(this.recipe, this.isRecorded);
    this.announcer.say(answerSentence(header, this.recipe.prompt, seen));
  }

  fail(sentence) {
    this.pacer.reset();
    this.removeNoise();
    this.last = { header: { answers: [] }, media: {} };
    this.tell(sentence);
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

  // The run as it was at a step, counted over all segments; resolved when that was painted.
  show(position, live) {
    this.position = position;
    this.ruler.setPosition(position);
    const shown = this.segments.map((s) => this.showSegment(s, position - s.offset, live));
    return Promise.all(shown);
  }

  showSegment(segment, step, live) {
    const { view, steps, frames } = segment;
    if (!segment.continues) view.root.hidden = step < 0;
    const frame = lastFrame(frames, Math.min(step, steps - 1));
    if (step < 0 || !frame) return;
    const passed = step >= steps;
    const decoded = (name) => lastFrame(frames, frame.header.index, name);
    const painted = view.show(frame, live && !passed, decoded("x_1"), decoded("x_t"));
    const isFinal = this.last && this.position >= this.length - 1;
    const answers = this.last?.header.answers ?? [];
    const answer = answers[segment.answer];
    if (answer && (isFinal || passed)) {
      const media = this.last.media[`answer_${segment.answer}`];
      view.finish(answer, media, this.recipe.prompt, answers.length === 1);
    } else if (passed) {
      view.settle(frame);
    }
    if (!passed) this.showFacts((decoded("x_t") ?? frame).header);
    return painted;
  }

  showFacts(header) {
    this.facts.replaceChildren(...factList(stepFacts(header)));
    this.ruler.setText(`step ${header.index + 1} of ${header.num_steps}`);
  }

  scrub(position) {
    clearInterval(this.player);
    this.show(position, false);
  }

  replay() {
    clearInterval(this.player);
    this.show(0, true);
    this.player = replayed(this.length, (step) => this.show(step, true));
  }

  tell(sentence) {
    this.status.textContent = sentence;
    this.announcer.say(sentence);
  }
}
