// The kinds of items, as the gallery names them.

export const MODALITY_LABELS = {
  image: "Pictures",
  video: "Films",
  audio: "Sounds",
  text: "Sentences",
};
