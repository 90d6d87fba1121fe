// One patch of a picture with what the model sees there: the hue of a thing, and its name.

const GOLDEN_ANGLE = 137.5; // between the hues of two things
const LABEL_FONT = "ui-sans-serif, system-ui, sans-serif";

// found: {id, words, sure}, id 0 for the background; named: whether the words are written; depth: of
// the colours, 0 .. 1; type: size of the words in cells
export function drawProbeCell(
  pen,
  found,
  [x, y],
  cell,
  { named = true, depth = 1, type = 0.18 } = {},
) {
  pen.globalAlpha = depth * (found.id ? 0.25 + 0.5 * found.sure : 0.5);
  pen.fillStyle = found.id ? `oklch(0.42 0.13 ${(found.id * GOLDEN_ANGLE) % 360})` : "#16121c";
  pen.fillRect(x, y, cell, cell);
  if (found.id && named) writeWords(pen, found, [x, y], cell, type);
  pen.globalAlpha = 1;
}

function writeWords(pen, { words, sure }, [x, y], cell, type) {
  pen.globalAlpha = 0.35 + 0.65 * sure;
  pen.fillStyle = "#fbf8ff";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = `600 ${Math.round(cell * type)}px ${LABEL_FONT}`;
  const lines = words.split(" ");
  lines.forEach((line, k) => {
    const down = 0.5 + 1.2 * type * (k - (lines.length - 1) / 2);
    pen.fillText(line, x + cell / 2, y + cell * down, cell - 8);
  });
}
