// The steps of a run: which frame stands for which, and how its words are cut.

const SETTLED_CONFIDENCE = 0.9;

// The last frame up to `index`; with `medium`, the last one that carries it. Frames may be missing.
export function lastFrame(frames, index, medium) {
  for (let i = Math.min(index, frames.length - 1); i >= 0; i--) {
    if (frames[i] && (!medium || frames[i].media[medium])) return frames[i];
  }
  return null;
}

// How many quarters of a segment are done after a step.
export function quarterDone({ index, num_steps }) {
  return Math.floor((4 * (index + 1)) / num_steps);
}

// A token's text as the space before it and the word.
export function splitPiece(piece) {
  const word = piece.trimStart();
  return [piece.slice(0, piece.length - word.length), word];
}

// Whether state and prediction agree on a word, with confidence.
export function isSettled(piece, predicted, confidence) {
  return piece === predicted && confidence >= SETTLED_CONFIDENCE;
}

// The first `count` words of a text, and the others.
export function splitWords(text, count) {
  const words = text.split(/\s+/);
  if (words.length <= count) return [text, ""];
  return [words.slice(0, count).join(" "), words.slice(count).join(" ")];
}

// Whether a segment is the next block of the sound before it: the blocks are one answer.
export function continuesSound(modality, before) {
  return modality === "audio" && before?.modality === "audio";
}

// The number of steps of all segments.
export function totalSteps(segments) {
  return segments.reduce((sum, segment) => sum + segment.steps, 0);
}

// How many of the steps of the last segment were seen, as in "3 of 8".
export function stepsSeen(segments) {
  const segment = segments.at(-1);
  return segment ? `${segment.frames.length} of ${segment.steps}` : "0";
}
