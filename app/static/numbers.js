// Small arithmetic and the formatting of numbers.

export function mean(values) {
  return values.length ? values.reduce((a, b) => a + b, 0) / values.length : 0;
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

// Whole numbers as they are, others with two decimals.
export function compact(number) {
  return Number.isInteger(number) ? String(number) : number.toFixed(2);
}

// A time to wait, in words.
export function spanOf(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} minutes`;
}
