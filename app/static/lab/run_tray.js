// The tray of recorded runs: press one to open it, plus and minus put it beside or take it away.

import { button, make } from "../dom.js";
import { describeRecipe } from "../live/recipe.js";

const GLIMPSE = 60; // letters of an answer in words

export class RunTray {
  // open, beside: called with a run; most: how many can be shown at once
  constructor({ open, beside, most }) {
    Object.assign(this, { open, beside, most });
    this.root = make("div", "omni-tray");
  }

  // shown: the runs that are open, the first leads
  fill(runs, shown) {
    this.root.hidden = runs.length < 2;
    this.root.replaceChildren(...runs.map((run) => this.card(run, shown)));
  }

  card(run, shown) {
    const place = shown.indexOf(run);
    const open = button("", () => this.open(run), { className: "omni-run" });
    open.append(glimpse(run.segments.at(-1)), make("small", "", run.title));
    open.title = describeRecipe(run.recipe);
    open.setAttribute("aria-pressed", String(place === 0));
    const name = place > 0 ? `take ${run.title} away` : `put ${run.title} beside`;
    const beside = button(place > 0 ? "–" : "+", () => this.beside(run), { name });
    beside.classList.add("omni-beside");
    beside.hidden = place === 0 || (place < 0 && shown.length >= this.most);
    return make("div", `omni-run-card${place >= 0 ? " shown" : ""}`, open, beside);
  }
}

// How a run ends, small.
function glimpse({ pictures, words }) {
  if (pictures) return Object.assign(make("img"), { src: pictures.x_1.at(-1), alt: "" });
  return make("span", "omni-glimpse", words.x_t.at(-1).join("").trim().slice(0, GLIMPSE));
}
