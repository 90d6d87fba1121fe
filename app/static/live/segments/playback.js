// The arithmetic of a playing film: which frame is shown, and what part of a grid belongs to it.

const REST_FRAMES = 2; // the last frame rests before the film begins again

// The place after this one in an endless loop over `count` frames and their rest.
export function nextPlace(place, count) {
  return (place + 1) % (count + REST_FRAMES);
}

// The frame that is shown at a place.
export function frameAt(place, count) {
  return Math.min(place, count - 1);
}

// The values of all frames, cut into those of each.
export function splitFrames(values, count) {
  const size = Math.ceil(values.length / count);
  return Array.from({ length: count }, (_, i) => values.slice(i * size, (i + 1) * size));
}
