// A recorded run on a page of its own, without a server: see app/lab/export.py.

import { LabView } from "./lab_view.js";

// run: as `trace_view.overview` packs it
export function replay(root, run) {
  new LabView(root, null, null).open([run]);
}
