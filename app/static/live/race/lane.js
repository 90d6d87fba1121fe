// One run of a race: its picture as it is now, and what it has cost so far.

import { paintNewest } from "../../canvas.js";
import { factList, make } from "../../dom.js";
import { percent } from "../../numbers.js";
import { Channel } from "../channel.js";

export class Lane {
  // run: its id; label: the method in words; ended: called once
  constructor({ run, label }, ended) {
    Object.assign(this, { run, label, ended, seen: new Set() });
    this.canvas = make("canvas", "omni-canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `the picture by ${label}`);
    this.bar = make("div", "omni-lane-bar", make("i", ""));
    this.facts = make("div", "omni-meta");
    const text = make("div", "omni-lane-text", make("h2", "", label), this.bar, this.facts);
    this.root = make("article", "omni-lane", make("div", "omni-frame", this.canvas), text);
    this.channel = new Channel(run, (message) => this.accept(message), { every: true });
  }

  accept({ media, ...message }) {
    if (this.seen.has(message.number) || this.isOver) return;
    this.seen.add(message.number);
    if (message.kind === "refined") this.refine(message, media);
    else if (message.kind === "completed" || message.kind === "stopped") this.end(message, media);
    else if (message.kind === "failed") this.fail(message.sentence);
  }

  refine({ index, num_steps, nfe, elapsed_s }, media) {
    paintNewest(this.canvas, media.x_t);
    this.steps = `${index + 1} / ${num_steps}`;
    this.bar.firstChild.style.width = percent((index + 1) / num_steps).replace(" ", "");
    this.tell(nfe, elapsed_s);
  }

  end({ kind, nfe, elapsed_s }, media) {
    paintNewest(this.canvas, media.answer_0);
    this.tell(nfe, elapsed_s);
    this.close();
    this.root.classList.add(kind);
    this.ended(`${this.label}: ${nfe} model calls, ${elapsed_s.toFixed(2)} seconds.`);
  }

  fail(sentence) {
    this.facts.textContent = sentence;
    this.close();
    this.ended(`${this.label}: ${sentence}`);
  }

  tell(nfe, elapsed_s) {
    const facts = [
      ["step", this.steps],
      ["model calls", nfe],
      ["seconds", elapsed_s.toFixed(2), "of its own steps alone"],
    ];
    this.facts.replaceChildren(...factList(facts));
  }

  close() {
    this.isOver = true;
    this.channel.close();
  }
}
