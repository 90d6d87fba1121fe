// The edits of a run's tokens at one step, by position: the codes put there, and whether they are held.

export class Edits extends Map {
  // Put a code in the place of sub-code q; count: sub-codes of a token.
  choose(position, q, id, count) {
    const edit = this.get(position) ?? { codes: new Array(count).fill(null), held: true };
    edit.codes[q] = id;
    this.set(position, edit);
  }

  // Hold a token or let it move. A first press holds its prediction; a token that is kept from the
  // start is let free.
  toggleHold(position, predicted, kept) {
    const edit = this.get(position);
    const codes = kept ? predicted.map(() => null) : predicted;
    this.set(position, edit ? { ...edit, held: !edit.held } : { codes, held: !kept });
  }

  // What the server is asked for: [position, codes, held].
  toRequest() {
    return [...this].map(([position, { codes, held }]) => [position, codes, held]);
  }

  describe() {
    if (!this.size) return "";
    return `${this.size} ${this.size === 1 ? "place" : "places"} changed: press Run on from here.`;
  }
}
