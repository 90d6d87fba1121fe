// A run's recipe (prompt, seed, settings) as a sentence, a file name and a link that makes it again.

function describe({ prompt, seed, steps, guidance, method }, recorded) {
  const facts = [`seed ${seed}`];
  if (steps != null) facts.push(`${steps} steps`);
  if (guidance != null) facts.push(`guidance ${guidance}`);
  if (method) facts.push(method);
  if (recorded) facts.push("recorded");
  return `“${prompt}” · ${facts.join(" · ")}`;
}

function fileName({ prompt, seed }, kind = "png") {
  const words = prompt.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  return `${words.slice(0, 60) || "answer"}-seed-${seed}.${kind}`;
}

// The digest of the checkpoint behind this page.
function ours() {
  return document.querySelector(".omni-header")?.dataset.checkpoint || null;
}

function linkTo({ prompt, to, seed, steps, guidance, method, more }, tab = "image", checkpoint = ours()) {
  const url = new URL(location.pathname, location.origin);
  const values = { tab, prompt, seed, steps, guidance, method, ...(tab === "lab" ? { to: to ?? "auto", ...more } : {}), checkpoint };
  for (const [key, value] of Object.entries(values)) {
    if (value != null) url.searchParams.set(key, value);
  }
  return url.toString();
}
