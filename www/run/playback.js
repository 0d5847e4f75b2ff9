// @ts-check
/** Playback speed: how many steps of a run may have been taken by now. */

/**
 * A fast GPU is done before anything can be seen. At the speed to watch, a run takes at least
 * `WATCH_MS`, or `WATCH_STEP_MS` per step if that is less.
 */
const WATCH_MS = 8000;
const WATCH_STEP_MS = 60;
/** A tab that was hidden for longer has not been watched. */
const MOST_MS = 1000;

export class Playback {
  /** The time that this run has been running, including waits for the playback speed. */
  #elapsed = 0;

  /** @param {number} milliseconds since the last call */
  pass(milliseconds) {
    this.#elapsed += Math.min(milliseconds, MOST_MS);
  }

  /**
   * How many more steps are due at the speed to watch.
   * @param {import("../types.js").Progress} progress
   */
  due({ step, steps }) {
    const length = Math.min(WATCH_MS, steps * WATCH_STEP_MS);
    // If the run was faster before, it need not wait for the clock.
    this.#elapsed = Math.max(this.#elapsed, (step * length) / steps);
    return Math.floor((steps * this.#elapsed) / length) - step;
  }
}
