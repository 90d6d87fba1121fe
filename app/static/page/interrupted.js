// A run that was lost with its server: the page opens again as soon as there is one, says so where
// the run would have been, and its form still has what makes it again.

import { routeUrl } from "../address.js";
import { forget, remember, remembered } from "./memory.js";

const KEY = "omni-interrupted";
const LOOKS_EVERY_MS = 1000;
const AGAIN =
  "The page was started anew while this formed. Your words, settings and seed are still here: " +
  "press the button to make it again.";

export function answers() {
  return fetch(routeUrl("manifest.json")).then(
    () => true,
    () => false,
  );
}

// run: the run that was lost, shown by some view of the page.
export function noteInterrupted(run) {
  const view = document.querySelector(`[data-run="${CSS.escape(run)}"]`);
  remember(KEY, placeOf(view) ?? "", sessionStorage);
  const looking = setInterval(async () => {
    if (!(await answers())) return;
    clearInterval(looking);
    location.reload();
  }, LOOKS_EVERY_MS);
}

// The id of the component that a view belongs to; Gradio puts elements with ids of its own inside.
export function placeOf(view) {
  return view?.closest("[id$='-live'], [id$='-talk']")?.id ?? null;
}

// What to say in that place; null where nothing was lost there. It is said once.
export function takeInterrupted(place) {
  if (!place || remembered(KEY, sessionStorage) !== place) return null;
  forget(KEY, sessionStorage);
  return AGAIN;
}
