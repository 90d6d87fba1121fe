// What stands in the forms, until the browser's tab is closed: a reload, or a server that was started
// anew, changes nothing of it.

import { remember, remembered } from "./memory.js";

const asked = new Set(); // names of the forms that were filled again; before that nothing is kept

// checkpoint: another one has other limits and methods
function keyOf(name, checkpoint) {
  return `omni-form-${name}-${checkpoint}`;
}

export function keepForm(name, values, checkpoint) {
  if (asked.has(name)) remember(keyOf(name, checkpoint), JSON.stringify(values), sessionStorage);
}

// The values that the form had, or those that it has where a link says what it should hold.
export function keptForm(name, values, checkpoint, address) {
  asked.add(name);
  const { searchParams } = new URL(address);
  if (searchParams.has("prompt") || searchParams.has("seed")) return values;
  const kept = JSON.parse(remembered(keyOf(name, checkpoint), sessionStorage) ?? "null");
  return kept?.length === values.length ? kept : values;
}
