// @ts-check
/**
 * Images that follow a drawing while it is drawn.
 *
 * Strokes come faster than some GPUs make images, and then only the latest drawing counts: one redraw is under
 * way, and at most one waits.
 */
export class Live {
  #redraw;
  #busy = false;
  /** Whether the drawing has changed since the latest redraw began. */
  waiting = false;

  /** @param {() => Promise<unknown>} redraw makes the images of the present drawing */
  constructor(redraw) {
    this.#redraw = redraw;
  }

  /** To be called whenever something has changed. */
  ask() {
    this.waiting = true;
    if (!this.#busy) this.#go();
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
