// The controls around a recorded run: what is shown, the step ruler, playing, keeping, going on.

import { button, factList, make, select, setOptions } from "../dom.js";
import { describeRecipe } from "../live/recipe.js";
import { StepRuler } from "../live/step_ruler.js";
import { compact, percent } from "../numbers.js";
import { NO_HEAT, PROBE } from "./trace_view.js";

const FILES = [
  ["Keep as …", ""],
  ["the trace (NumPy)", "npz"],
  ["the numbers (JSON)", "json"],
  ["a film strip (PNG)", "png"],
  ["an animation (WebP)", "webp"],
  ["a film (MP4)", "mp4"],
  ["a page of its own (HTML)", "html"],
];
const SHOWN = [
  ["prediction x₁", "x_1"],
  ["state xₜ", "x_t"],
];
const PROBE_LEGEND = "read half-way through the network at this step; fainter is less sure";
const NO_PROBE = "asked of pictures and films only";
const KEYS =
  "recorded run: left and right go through the steps, space plays, shift with arrows chooses a token, page up and down a frame of a film";

export class LabControls {
  // lab: the view that the controls act on; online: whether there is a server to ask
  constructor(lab, online) {
    this.parts = select("part of the answer", [], (i) => lab.chooseSegment(Number(i)));
    this.which = select("what is shown", SHOWN, () => lab.paint());
    this.heats = select("heat map", [], (heat) => lab.chooseHeat(heat));
    this.stage = make("div", "omni-plate");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", KEYS);
    this.stage.onkeydown = (event) => lab.key(event);
    this.legend = make("p", "omni-legend");
    this.ruler = new StepRuler("step of the recorded run", (step) => lab.scrub(step));
    this.ruler.enabled = true;
    this.facts = make("div", "omni-meta");
    this.table = make("div", "omni-table");
    this.said = make("p", "omni-said");
    this.said.setAttribute("role", "status");
    this.recipe = make("p", "omni-recipe");
    this.buildButtons(lab);
    const onlineOnly = online ? [this.branch, this.keep, this.link] : [];
    const actions = make(
      "div",
      "omni-actions",
      button("|‹", () => lab.go(0), { name: "first step" }),
      button("‹", () => lab.go(lab.step - 1), { name: "step back" }),
      this.play,
      button("›", () => lab.go(lab.step + 1), { name: "step on" }),
      button("›|", () => lab.go(lab.last), { name: "last step" }),
      this.save,
      ...onlineOnly,
    );
    this.root = make(
      "div",
      "omni-look",
      make("div", "omni-choices", this.parts, this.which, this.heats),
      this.stage,
      this.legend,
      this.ruler.root,
      this.facts,
      actions,
      this.said,
      this.table,
      this.recipe,
    );
  }

  buildButtons(lab) {
    this.play = button("Play", () => lab.togglePlay());
    this.save = button("Save this picture", () => lab.exporter.savePicture());
    this.branch = button("Run on from here", () => lab.goOn());
    this.branch.classList.add("omni-go");
    this.keep = select("keep this run as", FILES, (kind) => {
      this.keep.value = "";
      if (kind) lab.exporter.saveAs(kind);
    });
    this.link = button("Copy link", () => lab.exporter.copyLink(this.link));
  }

  // The choices that a run offers; returns the heat map that is chosen, the same as before if it can.
  offer(run, heat) {
    const { segments } = run;
    setOptions(
      this.parts,
      segments.map(({ modality }, i) => [`${i + 1} · ${modality}`, i]),
    );
    this.parts.hidden = segments.length < 2;
    const probed = run.believes && segments.some((segment) => segment.grid);
    const names = Object.keys(segments[0].heat);
    setOptions(this.heats, [
      ["no heat map", NO_HEAT],
      ...(probed ? [["what it holds to be there", PROBE]] : []),
      ...names.map((name) => [name, name]),
    ]);
    const offered = names.includes(heat) || (probed && heat === PROBE);
    this.heats.value = offered ? heat : NO_HEAT;
    return this.heats.value;
  }

  // The controls of one segment: those of pictures only where it is one.
  offerSegment(index, { pictures, frames, moved }) {
    this.parts.value = String(index);
    this.which.hidden = this.save.hidden = pictures === null;
    this.save.textContent = frames > 1 ? "Save these frames" : "Save this picture";
    this.ruler.clear();
    this.ruler.addSteps(moved.length);
    moved.forEach((share, step) => this.ruler.setChanged(step, share));
  }

  // What is known of a step, and whether a run can go on from it.
  showStep(run, segment, step) {
    const isLast = step === segment.steps - 1;
    const facts = [
      ["step", `${step + 1} / ${segment.steps}`],
      ["t", segment.t[step].toFixed(3)],
      ["model calls", segment.nfe[step]],
      ["positions evaluated", segment.num_active[step]],
      ["changed", percent(segment.moved[step])],
      ["seconds", segment.elapsed_s[step].toFixed(2)],
    ];
    this.ruler.setPosition(step);
    this.ruler.setText(`step ${step + 1} of ${segment.steps}`);
    this.facts.replaceChildren(...factList(facts));
    const { name, digest } = run.checkpoint;
    this.recipe.textContent = `${describeRecipe(run.recipe)} · ${name} ${digest}`;
    this.branch.disabled = isLast;
    this.branch.title = isLast
      ? "go back a step first: this is the end"
      : "with the settings on the left";
  }

  // What the colours of a heat map stand for.
  showLegend(run, segment, heat) {
    this.legend.hidden = heat === NO_HEAT;
    if (heat === PROBE) {
      this.legend.textContent = segment.grid ? PROBE_LEGEND : NO_PROBE;
      return;
    }
    const [low, high] = segment.range[heat] ?? [0, 0];
    const name = `${run.heats[heat] ?? ""}  ${compact(low)} `;
    this.legend.replaceChildren(name, make("i", "omni-ramp"), ` ${compact(high)}`);
  }

  setPlaying(plays) {
    this.play.textContent = plays ? "Pause" : "Play";
  }

  say(text) {
    this.said.textContent = text;
  }
}
