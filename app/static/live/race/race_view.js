// The same words and seed by every method, side by side: each takes a step, then the next.

import { button, make } from "../../dom.js";
import { messageFromJson } from "../message.js";
import { Lane } from "./lane.js";

const SAID =
  "The same words and the same seed. Each method takes one step in turn; its seconds count its own steps alone.";

export class RaceView {
  // live: the view of one run, in whose place the race stands
  constructor(live) {
    this.live = live;
    this.lanes = [];
    this.track = make("div", "omni-track");
    this.spoken = make("p", "omni-spoken");
    this.spoken.setAttribute("aria-live", "polite");
    const back = button("Back to one picture", () => this.close());
    const actions = make("div", "omni-actions", back);
    this.root = make("div", "omni-race", this.track, make("p", "omni-race-note", SAID), actions);
    this.root.append(this.spoken);
  }

  // runs: [{run, label, messages}]
  follow(runs) {
    const ids = runs.map(({ run }) => run).join(" ");
    if (ids !== this.ids) this.start(runs, ids);
    runs.forEach(({ messages }, i) => {
      for (const message of messages ?? []) this.lanes[i].accept(messageFromJson(message));
    });
  }

  start(runs, ids) {
    for (const lane of this.lanes) lane.close();
    this.ids = ids;
    this.lanes = runs.map((run) => new Lane(run, (sentence) => this.laneEnded(sentence)));
    this.track.replaceChildren(...this.lanes.map((lane) => lane.root));
    this.root.dataset.phase = "running";
    this.live.hidden = true;
    this.live.after(this.root);
  }

  laneEnded(sentence) {
    this.spoken.textContent = sentence;
    if (this.lanes.every((lane) => lane.isOver)) this.root.dataset.phase = "completed";
  }

  // One run is shown again.
  close() {
    this.root.remove();
    this.live.hidden = false;
  }
}
