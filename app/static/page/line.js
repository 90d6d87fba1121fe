// How many wait for the model, said below the tabs before anybody presses a button: nothing while
// few do.

import { routeUrl } from "../address.js";
import { make } from "../dom.js";
import { lineSentence } from "../live/sentences.js";

const ASKS_EVERY_MS = 10_000;

export function followLine() {
  const line = make("p", "omni-waiting");
  line.setAttribute("role", "status");
  document.querySelector("#tabs > .tab-wrapper")?.after(line);
  const ask = async () => {
    if (document.hidden) return;
    const answer = await fetch(routeUrl("line")).catch(() => null);
    line.textContent = answer?.ok ? lineSentence(await answer.json()) : "";
  };
  setInterval(ask, ASKS_EVERY_MS);
  ask();
}
