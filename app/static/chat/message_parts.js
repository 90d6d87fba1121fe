// The parts of a message: words, a thought, a picture, a film, a sound.

import { make, REDUCED_MOTION } from "../dom.js";
import { blobFromDataUri } from "../live/message.js";
import { foldedThought } from "../live/segments/text_segment.js";

// part: {thought}, {text}, {sound}, {film} or {image}; media are data URIs
export function messagePart(part) {
  if (part.thought) return foldedThought(part.thought);
  if (part.text != null) return make("p", "omni-words", part.text);
  if (part.sound) return sound(part.sound);
  if (part.film) return film(part.film);
  return picture(part.image, "a picture");
}

function picture(uri, label) {
  const image = make("img", "omni-picture");
  image.src = uri;
  image.alt = label;
  return image;
}

// A film that plays again and again; where nothing may move, its first frame.
function film(uri) {
  if (!REDUCED_MOTION.matches) return picture(uri, "a film");
  const still = make("canvas", "omni-picture");
  still.setAttribute("role", "img");
  still.setAttribute("aria-label", "a film");
  createImageBitmap(blobFromDataUri(uri)).then((frame) => {
    [still.width, still.height] = [frame.width, frame.height];
    still.getContext("2d").drawImage(frame, 0, 0);
  });
  return still;
}

// A sound that was said or uploaded.
function sound(uri) {
  const player = make("audio", "omni-player");
  player.controls = true;
  player.src = URL.createObjectURL(blobFromDataUri(uri));
  return player;
}
