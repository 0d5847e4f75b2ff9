// @ts-check
/** All steps of chains as soon as they can be, for images that follow a drawing. */

/**
 * An engine is asked for as many steps at a time as take about `SLICE_MS`. Between two requests, images are given up
 * for those of a newer drawing if the rest of their steps would take longer than `PATIENCE_MS`.
 */
const SLICE_MS = 50;
const PATIENCE_MS = 250;

export class ChainFinisher {
  /** How long a step took the last time. */
  #step = 0;

  /**
   * @param {import("../engine/engine.js").Chains} chains
   * @param {object} of
   * @param {() => boolean} of.current whether these images are still wanted
   * @param {() => boolean} of.outdated whether there is a newer drawing by now
   * @param {(milliseconds: number) => void} of.worked
   * @returns {Promise<boolean>} whether all are done
   */
  async finish(chains, { current, outdated, worked }) {
    for (let { done, step, steps } = chains.progress(); !done; ) {
      const slice = this.#step ? Math.ceil(SLICE_MS / this.#step) : 1;
      const [began, before] = [performance.now(), step];
      ({ done, step, steps } = await chains.advance(slice));
      if (!current()) return false;
      const took = performance.now() - began;
      worked(took);
      this.#step = took / (step - before);
      if (!done && outdated() && (steps - step) * this.#step > PATIENCE_MS) return false;
    }
    return true;
  }
}
