// A wish that is written by pressing: things, perhaps what they do, perhaps a place.
// words: {colours: {name: value}, motions: [phrase], places: [phrase]}

const article = (word) => (/^[aeiou]/.test(word) ? "an" : "a");

// {things, motion, place} of a text.
export function partsOf(text, words) {
  let rest = text.trim().replace(/[.?!]+$/, "");
  const take = (phrases) => {
    const fitting = phrases.filter((phrase) => rest === phrase || rest.endsWith(` ${phrase}`));
    const found = fitting.sort((one, other) => other.length - one.length)[0] ?? "";
    rest = rest.slice(0, rest.length - found.length).trim();
    return found;
  };
  const place = take(words.places);
  const motion = take(words.motions);
  return { things: rest, motion, place };
}

function joined({ things, motion, place }) {
  return [things, motion, place].filter(Boolean).join(" ");
}

// The colour at the end that waits for its thing, and what stands before it.
export function begun(things, words) {
  const [, before, colour] = /^(.*?)(?:^|\s)an? (\w+)$/.exec(things) ?? [];
  return colour in words.colours ? { before, colour } : { before: things, colour: "" };
}

const also = (before, phrase) =>
  [before, ...(before && !/(^|\s)and$/.test(before) ? ["and"] : []), phrase]
    .filter(Boolean)
    .join(" ");

// said: a thing with its article, or without one where it takes none
export function withThing(text, said, words) {
  const wish = partsOf(text, words);
  const { before, colour } = begun(wish.things, words);
  const noun = said.replace(/^an? /, "");
  const coloured = said === noun ? `${colour} ${noun}` : `${article(colour)} ${colour} ${noun}`;
  return joined({ ...wish, things: also(before, colour ? coloured : said) });
}

// The same colour again takes it back.
export function withColour(text, colour, words) {
  const wish = partsOf(text, words);
  const waiting = begun(wish.things, words);
  if (waiting.colour === colour)
    return joined({ ...wish, things: waiting.before.replace(/\s*and$/, "") });
  return joined({ ...wish, things: also(waiting.before, `${article(colour)} ${colour}`) });
}

// part: "place" or "motion"; the same phrase again takes it back.
export function withPhrase(text, part, phrase, words) {
  const wish = partsOf(text, words);
  return joined({ ...wish, [part]: wish[part] === phrase ? "" : phrase });
}
