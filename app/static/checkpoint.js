// What the header says of the checkpoint behind the page; a replay from the disk has no header.

function header() {
  return document.querySelector(".omni-header")?.dataset ?? {};
}

export function checkpointDigest() {
  return header().checkpoint || null;
}

// Whether it can be asked what it sees where.
export function hasProbes() {
  return header().believes === "True";
}

// Whether it finds things by their meaning.
export function hasEmbedding() {
  return header().finds === "True";
}
