// @ts-check
/**
 * Images that follow a drawing while it is drawn.
 *
 * Strokes come faster than some GPUs make images, and then only the latest drawing counts: one redraw is under
 * way, and at most one waits.
 */
export class Live {
  #redraw;
  #onOutdated;
  #busy = false;
  /** Settles when no redraw is under way, and none waits. @type {Promise<void>} */
  settled = Promise.resolve();
  /** Whether the drawing has changed since the latest redraw began. */
  waiting = false;

  /**
   * @param {() => Promise<unknown>} redraw makes the images of the present drawing
   * @param {() => void} onOutdated called when something has changed while it is under way: what it waits for may
   *   not be wanted any more
   */
  constructor(redraw, onOutdated) {
    this.#redraw = redraw;
    this.#onOutdated = onOutdated;
  }

  /** To be called whenever something has changed. */
  ask() {
    this.waiting = true;
    if (this.#busy) this.#onOutdated();
    else this.settled = this.#go();
  }

  async #go() {
    this.#busy = true;
    while (this.waiting) {
      this.waiting = false;
      await this.#redraw();
    }
    this.#busy = false;
  }
}
