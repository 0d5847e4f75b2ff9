// @ts-check
/**
 * How many steps to request at a time.
 *
 * The answer comes a while after the work is done, in some browsers a dozen milliseconds, and
 * meanwhile the GPU rests. So a request lasts several times as long as that wait, and otherwise about
 * as long as an image is shown. Batches of different sizes tell how much of the time is work and
 * how much is waiting.
 */

/** Limits in milliseconds for a request: images keep moving, and a pause acts at once. */
const SHORTEST = 24;
const LONGEST = 90;
/** How many times as long as the wait a request should be. */
const WAITS = 7;
/** How often to try two steps if one seems enough, and how many milliseconds that one may take. */
const TRIES = 3;
const SLOW = 150;
/** The least time of a step: clocks of browsers are coarse. */
const QUICKEST = 0.05;

export class StepsPerRequest {
  /** How many steps to request next. */
  steps = 1;
  /** The least time that a request has taken. */
  #least = Infinity;
  /** How much of that was waiting. */
  #wait = 0;
  #tries = TRIES;

  /** Learns from a request. @param {number} steps @param {number} took milliseconds until the answer */
  learn(steps, took) {
    this.#least = Math.min(this.#least, took);
    // The quickest request says most: slower ones have also waited for other work of the browser.
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
