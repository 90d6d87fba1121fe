// A run's recipe (prompt, seed, settings) as a sentence, a file name and a link that makes it again.

export function describeRecipe({ prompt, seed, steps, guidance, method }, recorded) {
  const facts = [`seed ${seed}`];
  if (steps != null) facts.push(`${steps} steps`);
  if (guidance != null) facts.push(`guidance ${guidance}`);
  if (method) facts.push(method);
  if (recorded) facts.push("recorded");
  return `“${prompt}” · ${facts.join(" · ")}`;
}

export function fileName({ prompt, seed }, ending = "png", suffix = "") {
  const words = prompt
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `${words.slice(0, 60) || "answer"}-seed-${seed}${suffix}.${ending}`;
}

// tab: the one that the link opens; checkpoint: the digest of the one that made the run.
export function linkTo(recipe, tab, checkpoint, page = location) {
  const { prompt, to, seed, steps, guidance, method, more } = recipe;
  const url = new URL(page.pathname, page.origin);
  const lab = tab === "lab" ? { to: to ?? "auto", ...more } : {};
  const values = { tab, prompt, seed, steps, guidance, method, ...lab, checkpoint };
  for (const [key, value] of Object.entries(values)) {
    if (value != null) url.searchParams.set(key, value);
  }
  return url.toString();
}
