// What the page remembers between visits, or in `sessionStorage` until its tab is closed. A browser
// may forbid it: then nothing is remembered.

export function remembered(key, storage) {
  try {
    return (storage ?? localStorage).getItem(key);
  } catch {
    return null;
  }
}

export function remember(key, value, storage) {
  try {
    (storage ?? localStorage).setItem(key, value);
  } catch {
    // what was chosen still holds until the page is left
  }
}

export function forget(key, storage) {
  try {
    (storage ?? localStorage).removeItem(key);
  } catch {
    // it was never kept
  }
}
