// @ts-check
/** How fast a training run is, and how many steps a piece of it takes, so that a page stays responsive. */

/** About how long a piece takes, and its most steps. */
const PIECE_MS = 100;
const MOST_STEPS = 64;
/** Over how many pieces speed is measured. */
const WINDOW = 12;

export class Speed {
  /** The steps of the next piece. */
  piece = 1;
  /** @type {{ images: number, ms: number }[]} the latest pieces */ #pieces = [];

  /**
   * Learns from a piece.
   * @param {number} images that it learned @param {number} ms @param {boolean} first whether it also waited for the GPU to wake up
   */
  learn(images, ms, first) {
    if (!first) this.#pieces.push({ images, ms });
    if (this.#pieces.length > WINDOW) this.#pieces.shift();
    const suited = Math.round((this.piece * PIECE_MS) / ms);
    this.piece = Math.max(1, Math.min(suited, 2 * this.piece, MOST_STEPS));
  }

  /** Images per second; `undefined` before that is known. */
  get imagesPerSecond() {
    const sum = (/** @type {"images" | "ms"} */ of) =>
      this.#pieces.reduce((all, piece) => all + piece[of], 0);
    return this.#pieces.length ? (1000 * sum("images")) / sum("ms") : undefined;
  }
}
