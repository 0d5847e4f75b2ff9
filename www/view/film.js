// @ts-check
/**
 * The steps of a run as they were shown, to go back to.
 *
 * Each is a snapshot of the grid's canvas, kept in memory that the browser chooses, usually on the GPU. When they
 * become too large together, every other one is dropped.
 */

/** The most bytes of all snapshots together. */
const BUDGET = 64 << 20;

/**
 * @typedef {object} Frame
 * @property {import("../types.js").Progress} progress
 * @property {import("../types.js").View} view
 * @property {ImageBitmap} image
 * @property {number} count of images in it
 * @property {number} width of each, and
 * @property {number} height in pixels
 * @property {number} columns of these, and
 * @property {number} gap the pixels between them
 */

/**
 * What is nearest to a step: the first, if several are.
 * @template {{ progress: { step: number } }} T
 * @param {number} step @param {readonly T[]} all
 * @returns {T | undefined} nothing if there is none
 */
export function nearestTo(step, all) {
  const far = (/** @type {T} */ { progress }) => Math.abs(progress.step - step);
  let nearest = all[0];
  for (const one of all) if (far(one) < far(nearest)) nearest = one;
  return nearest;
}

export class Film {
  /** @type {Frame[]} in the order of their steps */ #frames = [];
  /** Steps are kept whose number is divisible by this. */
  #every = 1;
  /** Rises with every new run. */
  #run = 0;
  /** Called when there are more frames, or fewer. */
  onChange = () => {};

  /** Begins another run. */
  clear() {
    this.#run += 1;
    for (const { image } of this.#frames) image.close();
    this.#frames = [];
    this.#every = 1;
    this.onChange();
  }

  /**
   * Keeps what a canvas shows. Must be called in the task that drew it.
   * @param {HTMLCanvasElement} canvas
   * @param {{ progress: import("../types.js").Progress, view: import("../types.js").View, count: number }} shown
   */
  async add(canvas, { progress, view, count }) {
    if (progress.step % this.#every && !progress.done) return;
    const [columns, rows, gap] = ["columns", "rows", "gap"].map((name) =>
      Number(canvas.dataset[name]),
    );
    const run = this.#run;
    const image = await createImageBitmap(canvas);
    if (run !== this.#run) return image.close();
    const width = (image.width + gap) / columns - gap;
    const height = (image.height + gap) / rows - gap;
    const frame = { progress, view, image, count, width, height, columns, gap };
    const at = this.#frames.findIndex((other) => other.progress.step >= progress.step);
    // The same step may be drawn again, in another view or size.
    if (at < 0) this.#frames.push(frame);
    else if (this.#frames[at].progress.step > progress.step) this.#frames.splice(at, 0, frame);
    else this.#frames.splice(at, 1, frame)[0].image.close();
    this.#thin();
    this.onChange();
  }

  /** Keeps within the budget. */
  #thin() {
    const bytes = this.#frames.reduce((sum, { image }) => sum + 4 * image.width * image.height, 0);
    if (bytes <= BUDGET) return;
    this.#every *= 2;
    this.#frames = this.#frames.filter(({ progress, image }, at) => {
      const kept = progress.step % this.#every === 0 || at === this.#frames.length - 1;
      if (!kept) image.close();
      return kept;
    });
  }

  /** @returns {readonly Frame[]} */
  get frames() {
    return this.#frames;
  }

  /** The frame that is nearest to a step. @param {number} step @returns {Frame | undefined} */
  at(step) {
    return nearestTo(step, this.#frames);
  }
}
