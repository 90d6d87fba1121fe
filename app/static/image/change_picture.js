// Whatever shows a picture can ask for a change of it: the Image tab opens with it in the painter.

import { openTab } from "../page/tabs.js";

const ASKED = "omni-change-picture";
const SECTION = "#image-change";
const PATIENCE_MS = 5000;

export function canChangePictures() {
  return document.querySelector(SECTION) !== null;
}

// picture: a blob
export function askForChange(picture) {
  document.dispatchEvent(new CustomEvent(ASKED, { detail: picture }));
}

// painter: returns the mask editor once it is there
export function followChanges(painter) {
  document.addEventListener(ASKED, async ({ detail }) => {
    openTab("image");
    const found = await opened(painter);
    await found?.load(detail);
    document.querySelector("#image-prompt textarea")?.focus();
    document.querySelector(SECTION)?.scrollIntoView({ block: "nearest" });
  });
}

// The painter lies in a section that may be folded, and is made when that is first opened.
function opened(painter) {
  const label = document.querySelector(`${SECTION} .label-wrap`);
  if (!label?.classList.contains("open")) label?.click();
  const until = performance.now() + PATIENCE_MS;
  return new Promise((resolve) => {
    const look = () => {
      if (painter()?.root.isConnected || performance.now() > until) resolve(painter());
      else setTimeout(look, 50);
    };
    look();
  });
}
