// Runs side by side: what each costs, and how near it is to its own end and to that of the first.

import { make } from "../dom.js";
import { comparisonRows } from "./trace.js";

const COLUMNS = [
  "run",
  "model calls",
  "positions evaluated",
  "codes a second",
  "prediction as at its end",
  "surprise, bits a code",
  "ends as the first",
];

// shown: [{title, segment}]; as they are at time t.
export function comparisonTable(shown, t) {
  const row = (tag, values) => make("tr", "", ...values.map((v) => make(tag, "", String(v))));
  const rows = comparisonRows(shown, t).map((values) => row("td", values));
  return make("table", "", make("thead", "", row("th", COLUMNS)), make("tbody", "", ...rows));
}
