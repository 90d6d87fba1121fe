// The runs that are being recorded, side by side as they form.

import { make } from "../dom.js";
import { LiveView } from "../live/live_view.js";
import { messageFromJson } from "../live/message.js";

export class FormingRuns {
  constructor() {
    this.root = make("div", "omni-forming-grid");
    this.views = new Map();
    const idle = new LiveView(make("div", "omni-forming"));
    idle.status.textContent = "Press Record: the run forms here, and then opens to be looked into.";
    this.root.append(idle.root);
  }

  // runs: [{run, messages}]; returns whether there are others than before.
  follow(runs) {
    const ids = runs.map((one) => one.run);
    const areNew = !ids.every((id) => this.views.has(id));
    if (areNew) this.start(ids);
    for (const { run, messages } of runs) {
      for (const message of messages ?? []) this.views.get(run)?.accept(messageFromJson(message));
    }
    return areNew;
  }

  start(ids) {
    this.views = new Map(ids.map((id) => [id, new LiveView(make("div", "omni-forming"))]));
    this.root.replaceChildren(...[...this.views.values()].map((view) => view.root));
    this.root.classList.toggle("several", ids.length > 1);
    for (const [id, view] of this.views) view.follow(id);
  }
}
