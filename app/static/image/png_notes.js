// The text that stands in a PNG file beside its pixels: our pictures hold the settings of their run.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const HEAD = 8; // of a chunk: its length and its type; four bytes of a checksum end it

// buffer: the file. Texts by their keyword; none where it is no PNG.
export function pngNotes(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  const notes = {};
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) return notes;
  for (let at = SIGNATURE.length; at + HEAD <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + HEAD));
    const content = bytes.subarray(at + HEAD, at + HEAD + length);
    if (type === "iTXt") Object.assign(notes, textOf(content));
    at += HEAD + length + 4;
  }
  return notes;
}

// Keyword, 0, two bytes about compression, language, 0, the keyword in that language, 0, the text.
function textOf(content) {
  const read = (part) => new TextDecoder().decode(part);
  const end = content.indexOf(0);
  if (end < 0 || content[end + 1] !== 0) return {}; // ours are not compressed
  const language = content.indexOf(0, end + 3);
  const keyword = content.indexOf(0, language + 1);
  if (language < 0 || keyword < 0) return {};
  return { [read(content.subarray(0, end))]: read(content.subarray(keyword + 1)) };
}

// The recipe of the run that made the picture; null where the file does not say.
export function recipeOf(buffer) {
  try {
    const recipe = JSON.parse(pngNotes(buffer).settings ?? "null");
    return typeof recipe?.prompt === "string" && recipe.seed != null ? recipe : null;
  } catch {
    return null;
  }
}
