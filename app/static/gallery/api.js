// Requests to the server's gallery routes.

import { routeUrl } from "../address.js";

// The visitor, by the name that the server has given them; see app/gallery/visitors.py.
export const visitor = { name: "" };

const NO_ANSWER = "The gallery does not answer: try again in a moment.";

export function galleryUrl(path, values) {
  return routeUrl(`gallery/${path}`, values);
}

// body: a file, or what becomes JSON. Raises an Error whose message is a sentence for the visitor.
export async function galleryRequest(path, body, { values, signal } = {}) {
  const isFile = body instanceof Blob;
  const answer = await fetch(galleryUrl(path, values), {
    method: "POST",
    body: isFile ? body : JSON.stringify(body),
    headers: isFile ? {} : { "content-type": "application/json" },
    signal,
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.sentence ?? NO_ANSWER);
  return found;
}
