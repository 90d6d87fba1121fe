// The Lab: recorded runs to step through, alone or side by side, to look into and to go on from.

import { make } from "../dom.js";
import { blobFromDataUri } from "../live/message.js";
import { clamp } from "../numbers.js";
import { comparisonTable } from "./comparison.js";
import { Edits } from "./edits.js";
import { Exporter } from "./exporter.js";
import { FormingRuns } from "./forming_runs.js";
import { LabControls } from "./lab_controls.js";
import { RunTray } from "./run_tray.js";
import { StepPlayer } from "./step_player.js";
import { TokenInspector } from "./token_inspector.js";
import { isKept, unpackRun } from "./trace.js";
import { NO_HEAT, PROBE, TraceView } from "./trace_view.js";

const MAX_RUNS = 12;
const MAX_TOGETHER = 4;
const NO_EDITS = new Edits();
const PICTURE_HINT =
  "place in the picture to see its codes: what else was likely, what lies near, and how they came there. Put another code there, and run on.";
const WORD_HINT =
  "Click a word to see what else was likely, what lies near, and its way through the vocabulary. Put another word there, and run on.";

export class LabView {
  // server: {look_at, exported, believed}, or null for a replay without one; branch: called with
  // where to go on
  constructor(root, server, branch) {
    Object.assign(this, { root, server, branch, runs: [], shown: [], edits: new Edits() });
    Object.assign(this, { requests: 0, heat: NO_HEAT, frame: 0, position: null });
    this.forming = new FormingRuns();
    this.exporter = new Exporter(this, server);
    this.controls = new LabControls(this, Boolean(server));
    this.player = new StepPlayer((plays) => this.controls.setPlaying(plays));
    this.tray = new RunTray({
      open: (run) => this.select([run]),
      beside: (run) => this.toggleBeside(run),
      most: MAX_TOGETHER,
    });
    this.inspector = new TokenInspector(server && this.tokenEdits());
    this.desk = make("div", "omni-desk", this.tray.root, this.controls.root, this.inspector.root);
    this.desk.hidden = true;
    root.classList.add("omni-lab");
    root.replaceChildren(this.forming.root, this.desk);
  }

  // ---- runs ------------------------------------------------------------------------------------

  // runs: [{run, messages}], those that form now
  follow(runs) {
    if (this.forming.follow(runs)) this.showDesk(false);
  }

  // Either the desk with recorded runs or those that form.
  showDesk(shown) {
    this.player.stop();
    this.desk.hidden = !shown;
    this.forming.root.hidden = shown;
  }

  // runs: as `trace_view.overview` packs them
  open(runs) {
    const isNew = (run) => !this.runs.some((known) => known.id === run.id);
    const opened = runs.filter(isNew).map((run) => unpackRun(run, loadImage));
    if (!opened.length) return;
    for (const run of opened) {
      if (run.start_t !== null) run.parent = this.runs.find(({ id }) => id === this.branchedFrom);
      run.title = titleOf(run);
      this.runs.push(run);
    }
    this.branchedFrom = null;
    while (this.runs.length > MAX_RUNS) {
      this.runs.splice(
        this.runs.findIndex((run) => !opened.includes(run)),
        1,
      );
    }
    this.showDesk(true);
    const beside = opened.length === 1 && opened[0].parent ? [opened[0].parent] : [];
    this.select([...opened, ...beside].slice(0, MAX_TOGETHER));
    if (this.shown.length > 1) this.play();
  }

  // ---- selection -------------------------------------------------------------------------------

  get segment() {
    return this.run.segments[this.index];
  }

  get last() {
    return this.segment.steps - 1;
  }

  // What is shown of a picture: its prediction "x_1" or its state "x_t".
  get which() {
    return this.controls.which.value || "x_1";
  }

  // The runs to show; the first of them leads: its steps are scrubbed, its tokens looked into.
  select(runs) {
    this.player.stop();
    this.shown = runs;
    this.run = runs[0];
    this.edits = new Edits();
    this.say("");
    this.heat = this.controls.offer(this.run, this.heat);
    this.tray.fill(this.runs, runs);
    this.chooseSegment(this.run.segments.length - 1);
  }

  toggleBeside(run) {
    const { shown } = this;
    this.select(shown.includes(run) ? shown.filter((one) => one !== run) : [...shown, run]);
  }

  chooseSegment(index) {
    this.player.stop();
    this.index = index;
    const { segment, controls } = this;
    controls.offerSegment(index, segment);
    this.views = this.shown.map((run, k) => this.traceView(run, k)).filter(Boolean);
    controls.stage.classList.toggle("several", this.views.length > 1);
    controls.stage.replaceChildren(...this.views.map((view) => view.root));
    this.position = null;
    this.readProbe();
    const first = segment.frames > 1 ? "frame, then a " : "";
    this.inspector.hint(segment.pictures ? `Click a ${first}${PICTURE_HINT}` : WORD_HINT);
    this.go(this.last);
  }

  // The view of the k-th run that is shown: of its last segment of the chosen modality.
  traceView(run, k) {
    const { modality } = this.segment;
    const segment = k ? run.segments.findLast((s) => s.modality === modality) : this.segment;
    if (!segment) return null;
    const lead = () => this.select([run, ...this.shown.filter((one) => one !== run)]);
    const pick = k ? lead : (position) => this.pick(position);
    return new TraceView(run, segment, { pick, turn: (frame) => this.turn(frame) });
  }

  chooseHeat(heat) {
    this.heat = heat;
    this.readProbe();
    this.paint();
  }

  // ---- steps -----------------------------------------------------------------------------------

  go(step) {
    this.step = clamp(step, 0, this.last);
    this.controls.showStep(this.run, this.segment, this.step);
    this.paint();
    if (this.position !== null) this.inspect();
  }

  scrub(step) {
    this.player.stop();
    this.go(step);
  }

  play() {
    this.player.stop();
    if (this.step === this.last) this.go(0);
    this.player.start(this.segment.steps, () => {
      this.go(this.step + 1);
      return this.step === this.last;
    });
  }

  togglePlay() {
    if (this.player.isPlaying) this.player.stop();
    else this.play();
  }

  key(event) {
    const side = this.segment.grid ?? this.segment.length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -side, ArrowDown: side };
    const actions = {
      ArrowLeft: () => this.go(this.step - 1),
      ArrowRight: () => this.go(this.step + 1),
      PageUp: () => this.turn(this.frame - 1),
      PageDown: () => this.turn(this.frame + 1),
      Home: () => this.go(0),
      End: () => this.go(this.last),
      " ": () => this.togglePlay(),
    };
    if (event.shiftKey && event.key in moves) {
      const to = (this.position ?? 0) + moves[event.key];
      if (to >= 0 && to < this.segment.length) this.pick(to);
    } else if (event.key in actions) {
      if (event.key !== " ") this.player.stop();
      actions[event.key]();
    } else return;
    event.preventDefault();
  }

  // ---- display ---------------------------------------------------------------------------------

  // What the probe reads, fetched once for every run that is shown.
  async readProbe() {
    if (this.heat !== PROBE) return;
    const missing = this.views.filter(({ segment: s }) => s.grid && s.believed === undefined);
    const sentences = await Promise.all(missing.map((view) => view.loadProbe(this.server)));
    for (const sentence of sentences.filter(Boolean)) this.say(sentence);
    if (missing.length) this.paint();
  }

  paint() {
    const { segment, controls, views, heat, position } = this;
    const several = views.length > 1;
    this.desk.classList.toggle("wide", !this.server || (several && position === null));
    controls.showLegend(this.run, segment, heat);
    const t = segment.t[this.step];
    views.forEach((view, k) => {
      const step = k ? view.stepAt(t) : this.step;
      const { which, index, frame } = this;
      const edits = k ? NO_EDITS : this.edits;
      view.show({ step, index, which, heat, frame, position, edits });
      view.caption.hidden = !several;
      view.caption.textContent = `${view.run.title} · step ${step + 1} of ${view.segment.steps}`;
    });
    controls.table.hidden = !several;
    const compared = views.map(({ run, segment: s }) => ({ title: run.title, segment: s }));
    if (several) controls.table.replaceChildren(comparisonTable(compared, t));
  }

  pick(position) {
    this.position = position;
    if (this.segment.frames > 1) this.frame = Math.floor(position / this.segment.grid ** 2);
    this.paint();
    this.inspect();
  }

  // Another frame of a film; what is chosen is then the same place there.
  turn(frame) {
    const { frames, grid } = this.segment;
    if (!(frames > 1) || frame < 0 || frame >= frames) return;
    this.frame = frame;
    if (this.position === null) this.paint();
    else this.pick(frame * grid ** 2 + (this.position % grid ** 2));
  }

  // The newest position asked for is the only one that is shown.
  async inspect() {
    if (!this.server) return;
    this.requests += 1;
    const request = this.requests;
    const { index: segment, step, position } = this;
    const found = await this.server.look_at({ run: this.run.id, segment, step, position });
    if (request !== this.requests) return;
    this.found = found;
    if (found.sentence) this.inspector.hint(found.sentence);
    else this.inspector.show(found, this.segment, this.edits.get(found.position));
  }

  // ---- edits -----------------------------------------------------------------------------------

  // What the token inspector can do with the chosen position.
  tokenEdits() {
    const change = (act) => {
      act(this.position);
      this.inspector.show(this.found, this.segment, this.edits.get(this.position));
      this.say(this.edits.describe());
      this.paint();
    };
    const codes = () => this.found.codes;
    const hold = (at) => {
      const predicted = codes().map((code) => code.predicted);
      this.edits.toggleHold(at, predicted, isKept(this.segment, at));
    };
    return {
      choose: (q, id) => change((at) => this.edits.choose(at, q, id, codes().length)),
      hold: () => change(hold),
      release: () => change((at) => this.edits.delete(at)),
    };
  }

  goOn() {
    const { run, index: segment, step } = this;
    this.branchedFrom = run.id;
    this.branch({ run: run.id, segment, step, edits: this.edits.toRequest() });
  }

  say(text) {
    this.controls.say(text);
  }
}

function loadImage(uri) {
  return createImageBitmap(blobFromDataUri(uri));
}

function titleOf({ recipe, start_t }) {
  const method = recipe.method ?? "run";
  return start_t === null ? method : `${method} from t = ${start_t.toFixed(2)}`;
}
