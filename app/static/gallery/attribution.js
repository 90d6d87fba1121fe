// Why an item was found: by how much the score falls without a word, or without a piece of the item.

import { make } from "../dom.js";
import { clamp } from "../numbers.js";

const COLUMNS = { image: 4, video: 8, audio: 8 }; // pieces in a row
const PIECES = { image: "Its regions", video: "Its frames", audio: "Its stretches" };
const LEAST_FALL = { words: 0.02, pieces: 0.005 }; // what is tinted in full at least
const LEGEND = {
  image: "What stays bright matters: cover it, and the score falls.",
  video: "Frames that stay bright matter: cover them, and the score falls.",
  audio: "Stretches that stay bright matter: silence them, and the score falls.",
  text: "Words that matter are tinted: without them the score falls.",
};
const WORDS_LEGEND =
  "The deeper the tint, the more the score falls without the word; what is struck through speaks against it.";

// found: {score, words: [[word, fall]], pieces: [fall], labels: [word]}. The sentences and tints of
// the words that were asked with, and of a text's own.
export function attributionRows(modality, { score, words, pieces, labels }) {
  const tints = (pairs, most) => {
    const marked = pairs.map(([word, fall]) => tintedWord(word, fall, most, score));
    return make("p", "omni-tinted", ...marked);
  };
  const rows = [];
  if (words.length) {
    const most = Math.max(LEAST_FALL.words, ...words.map(([, fall]) => fall));
    rows.push(make("h4", "", "Your words"), tints(words, most));
    rows.push(make("p", "omni-hint", WORDS_LEGEND));
  }
  if (labels.length) {
    const pairs = labels.map((word, i) => [word, pieces[i]]);
    rows.push(make("h4", "", "Its words"), tints(pairs, greatestFall(pieces)));
  } else if (pieces.length) {
    rows.push(make("h4", "", PIECES[modality]));
  }
  const now = `${LEGEND[modality]} The score now is ${score.toFixed(2)}.`;
  return [...rows, make("p", "omni-hint", now)];
}

// A veil over the pieces of a picture, a film or a sound: darker where the score does not fall.
export function attributionVeil(modality, pieces) {
  const top = greatestFall(pieces);
  const cells = pieces.map((fall) => {
    const sign = fall >= 0 ? "−" : "+";
    const cell = make("i", "", make("small", "", `${sign}${Math.abs(fall).toFixed(2)}`));
    cell.style.setProperty("--hide", (1 - Math.max(0, fall) / top).toFixed(3));
    return cell;
  });
  const veil = make("div", `omni-veil ${modality}`, ...cells);
  veil.style.setProperty("--side", COLUMNS[modality]);
  return veil;
}

function greatestFall(pieces) {
  return Math.max(LEAST_FALL.pieces, ...pieces);
}

function tintedWord(word, fall, most, score) {
  const node = make("span", "omni-word", word);
  node.style.setProperty("--confidence", (1 - clamp(fall / most, 0, 1)).toFixed(2));
  node.classList.toggle("against", fall < -0.005);
  const without = (score - fall).toFixed(2);
  node.title = `without it the score goes from ${score.toFixed(2)} to ${without}`;
  return node;
}
