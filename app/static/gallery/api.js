// What the page asks the server's gallery (app/gallery/routes.py).

// Whether the checkpoint behind this page finds by meaning.
function finds() {
  return document.querySelector(".omni-header")?.dataset.finds === "True";
}

function galleryUrl(path, values = {}) {
  const url = new URL(`gallery/${path}`, document.baseURI);
  url.search = "";
  for (const [name, value] of Object.entries(values)) if (value) url.searchParams.set(name, value);
  return url;
}

// Raises an Error whose message is a sentence for the visitor.
async function askGallery(path, body, options = {}) {
  const values = options.values ?? {};
  const sent = body instanceof Blob ? body : JSON.stringify(body);
  const headers = body instanceof Blob ? {} : { "content-type": "application/json" };
  const answer = await fetch(galleryUrl(path, values), { method: "POST", body: sent, headers, signal: options.signal });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.sentence ?? "The gallery does not answer: try again in a moment.");
  return found;
}

// The button under a result: it goes into the visitor's own part of the gallery.
async function keepRun(view) {
  const label = "Keep in the gallery";
  view.keepButton.disabled = true;
  try {
    await askGallery("keep", { run: view.run });
    view.keepButton.textContent = "Kept";
    view.say("Kept in the gallery for this visit.");
    document.dispatchEvent(new CustomEvent("omni-kept"));
  } catch (error) {
    view.status.textContent = error.message;
    view.say(error.message);
  }
  setTimeout(() => Object.assign(view.keepButton, { textContent: label, disabled: false }), 1800);
}
