// What the page remembers between visits. A browser may forbid it: then nothing is remembered.

export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // what was chosen still holds until the page is left
  }
}
