// The candidates of a best-of-n run, each with its score; the best is kept.

import { make } from "../dom.js";

export class Candidates {
  constructor() {
    this.root = make("div", "omni-drafts");
  }

  clear() {
    this.root.replaceChildren();
  }

  // Add one; returns the announcement, where it was the last.
  add({ draft, num, seed, score, best }, picture) {
    const image = make("img");
    image.src = URL.createObjectURL(picture);
    image.alt = `draft ${draft + 1} of ${num}`;
    image.onload = () => URL.revokeObjectURL(image.src);
    const figure = make("figure", "omni-draft", image, make("figcaption", "", score.toFixed(2)));
    figure.title = `seed ${seed}: ${score} near what was asked, as the model itself measures it`;
    figure.dataset.seed = seed;
    this.root.append(figure);
    [...this.root.children].forEach((one, i) => one.classList.toggle("best", i === best));
    return draft + 1 === num ? `Of ${num} drafts number ${best + 1} is kept.` : "";
  }
}
