// Plays the steps of a recorded run, one after another.

const RUN_MS = 2600; // for all of them
const LEAST_STEP_MS = 60;

export class StepPlayer {
  // changed: called with whether it plays
  constructor(changed) {
    this.changed = changed;
    this.timer = null;
  }

  // advance: goes one step on; returns whether that was the last.
  start(numSteps, advance) {
    this.stop();
    this.changed(true);
    const each = Math.max(LEAST_STEP_MS, RUN_MS / numSteps);
    this.timer = setInterval(() => advance() && this.stop(), each);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.changed(false);
  }

  get isPlaying() {
    return this.timer !== null;
  }
}
