// The sentences of the live view, on the page and for screen readers.

import { percent, spanOf } from "../numbers.js";

const MANY = 3; // people in line of whom a newcomer is told

const LOW_CONFIDENCE =
  "I am not sure that I heard this right: I know English, and few words. Say it again, or type it.";

const UNCHANGED = "Almost nothing changed: name what should be different, or take another seed.";

// place: how many runs wait in front of this one; waitS: about how long these take, where it is known
export function queueSentence(place, waitS) {
  if (!place) return "Starting…";
  const ahead = `${place === 1 ? "1 run is" : `${place} runs are`} ahead of yours`;
  if (!waitS) return ahead;
  return `${ahead}, about ${spanOf(waitS)}`;
}

// What stands below the tabs before anybody presses a button. waiting: runs that are not over; wait_s:
// how long they take, where that is known; full: whether one more is refused
export function lineSentence({ waiting, wait_s, full }) {
  if (full) return "As many people wait as can. Your words stay here: try again in a minute.";
  if (waiting < MANY) return "";
  const time = wait_s ? `, about ${spanOf(wait_s)}` : "";
  return `Many people are here: ${waiting} runs are ahead of a new one${time}.`;
}

// What stands above a segment while it forms. heard: pieces of speech that are written down.
export function partSentence(part, heard) {
  return heard > 1 ? `Writing down part ${part} of ${heard}` : "";
}

export function progressSentence({ index, num_steps }) {
  return `Refining, step ${index + 1} of ${num_steps}.`;
}

// steps: those seen, as in "3 of 8"
export function stoppedSentence(kind, steps) {
  return kind === "stopped" ? `Stopped at step ${steps}. ` : "";
}

// What stands above a run that is over.
export function finalStatus({ kind, answers }, steps) {
  if (answers.some((answer) => answer.doubtful)) return LOW_CONFIDENCE;
  if (answers.some((answer) => answer.unchanged)) return UNCHANGED;
  if (kind === "stopped" && answers.length === 0) return "Stopped before it began.";
  return stoppedSentence(kind, steps);
}

const ended = (text) => (/[.!?…]["”]?$/.test(text) ? text : `${text}.`);

// What was answered, for screen readers.
export function answerSentence({ kind, answers }, prompt, steps) {
  const wish = ` for “${prompt.trim()}”`;
  const names = { image: `A picture${wish}`, video: `A film${wish}`, audio: "A sound" };
  const parts = answers.map(({ text, modality }) => ended(text ?? names[modality]));
  return `${stoppedSentence(kind, steps)}${parts.join(" ")}`;
}

// What is known of a step: [name, value, what it means].
export function stepFacts({ index, num_steps, t, nfe, elapsed_s }) {
  return [
    ["step", `${index + 1} / ${num_steps}`],
    ["progress", percent(t), `t = ${t.toFixed(2)}: how far the noise has been left behind`],
    ["model calls", nfe],
    ["seconds", elapsed_s.toFixed(elapsed_s < 1 ? 2 : 1)],
  ];
}
