// The steps of a run in order, each shown long enough to be seen.

export const SLOW_MS = 90;

// show: called with the number of each, may return a promise of its painting; how: the pace, as a
// function; wait: called with a function and milliseconds.
export class Pacer {
  constructor(show, how, { wait = (f, ms) => setTimeout(f, ms) } = {}) {
    Object.assign(this, { show, how, wait });
    this.reset();
  }

  reset() {
    Object.assign(this, { resting: null, shown: -1, there: -1, after: null });
  }

  // A step has come.
  offer(step) {
    this.there = Math.max(this.there, step);
    this.advance();
  }

  // No more will come; `after` is called once all were shown.
  finish(after) {
    this.after = after;
    this.advance();
  }

  // Each step waits for the visitor.
  get isStepped() {
    return this.how() === "step";
  }

  advance() {
    if (this.how() === "live") return this.hurry();
    if (this.resting) return;
    if (this.how() === "step" && this.shown >= 0) return;
    this.next();
  }

  // One step more, or the end.
  next() {
    if (this.shown < this.there) {
      this.shown += 1;
      this.rest(this.show(this.shown));
    } else {
      this.end();
    }
  }

  // Before the next step this one is painted and seen.
  async rest(painted) {
    const mine = Symbol("rest");
    this.resting = mine;
    await painted;
    this.wait(() => {
      if (this.resting !== mine) return;
      this.resting = null;
      this.advance();
    }, SLOW_MS);
  }

  // All that has come, at once.
  hurry() {
    this.resting = null;
    if (this.shown < this.there) {
      this.shown = this.there;
      this.show(this.shown);
    }
    this.end();
  }

  end() {
    const { after } = this;
    this.after = null;
    after?.();
  }
}
