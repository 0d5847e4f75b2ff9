// @ts-check
/** All steps of a chain as soon as they can be, for images that follow a drawing. */

/**
 * An engine is asked for steps that take about `SLICE_MS`, and then again. What would take longer than `PATIENCE_MS`
 * from there is given up for a newer drawing.
 */
const SLICE_MS = 50;
const PATIENCE_MS = 250;

export class Slices {
  /** How long a step took the last time. */
  #step = 0;

  /**
   * @param {import("./engine.js").Chain} chain
   * @param {object} of
   * @param {() => boolean} of.current whether anybody still wants them
   * @param {() => boolean} of.outdated whether yet other images are wanted by now
   * @param {(milliseconds: number) => void} of.worked
   * @returns {Promise<boolean>} whether all are done
   */
  async finish(chain, { current, outdated, worked }) {
    for (let { done, step, steps } = chain.progress(); !done; ) {
      const slice = this.#step ? Math.ceil(SLICE_MS / this.#step) : 1;
      const [began, before] = [performance.now(), step];
      ({ done, step, steps } = await chain.advance(slice));
      if (!current()) return false;
      const took = performance.now() - began;
      worked(took);
      this.#step = took / (step - before);
      if (!done && outdated() && (steps - step) * this.#step > PATIENCE_MS) return false;
    }
    return true;
  }
}
