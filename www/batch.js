// @ts-check
/**
 * How many steps to ask for at a time.
 *
 * The answer comes a while after the work is done, in some browsers a dozen
 * milliseconds, and meanwhile the GPU rests. So a batch lasts several times as
 * long as that wait, and otherwise about as long as a picture is shown. What of
 * the time was work and what was waiting, batches of different sizes tell.
 */

/** Milliseconds that a batch is to last, so that the picture moves and a pause is felt at once. */
const SHORTEST = 24;
const LONGEST = 90;
/** How many times as long as the wait. */
const WAITS = 7;
/** How often more than one step is tried where one seems to be enough, and how many milliseconds that one may have taken. */
const TRIES = 3;
const SLOW = 150;
/** No step takes less: clocks of browsers are coarse. */
const QUICKEST = 0.05;

export class Batch {
  /** How many steps to ask for next. */
  steps = 1;
  /** The least that a batch has taken. */
  #least = Infinity;
  /** How much of that was waiting. */
  #wait = 0;
  #tries = TRIES;

  /** Learns from a batch. @param {number} steps @param {number} took milliseconds until the answer */
  learn(steps, took) {
    this.#least = Math.min(this.#least, took);
    // The quickest counts: the others have waited for something else, too.
    if (steps > 1) {
      this.#wait = Math.max(this.#wait, this.#least - (took - this.#least) / (steps - 1));
      this.#tries -= 1;
    }
    this.#wait = Math.min(this.#wait, this.#least);
    const each = Math.max(QUICKEST, (took - this.#wait) / steps);
    const last = Math.min(LONGEST, Math.max(SHORTEST, WAITS * this.#wait));
    this.steps = Math.max(1, Math.min(2 * steps, Math.floor(last / each)));
    if (this.steps === 1 && took < SLOW && this.#tries > 0) this.steps = 2;
  }
}
