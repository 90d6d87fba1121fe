// Several drafts of a run, each with how near the model finds it to what was asked; the best is kept.

class Drafts {
  constructor() {
    this.root = make("div", "omni-drafts");
  }

  clear() {
    this.root.replaceChildren();
  }

  // One more is there; returns what to say, where it was the last.
  add({ draft, num, seed, score, best }, picture) {
    const image = make("img");
    image.src = URL.createObjectURL(picture);
    image.alt = `draft ${draft + 1} of ${num}`;
    image.onload = () => URL.revokeObjectURL(image.src);
    const figure = make("figure", "omni-draft", image, make("figcaption", "", score.toFixed(2)));
    figure.title = `seed ${seed}: ${score} near what was asked, as the model itself measures it`;
    figure.dataset.seed = seed;
    this.root.append(figure);
    [...this.root.children].forEach((one, number) => one.classList.toggle("best", number === best));
    return draft + 1 === num ? `Of ${num} drafts number ${best + 1} is kept.` : "";
  }
}
