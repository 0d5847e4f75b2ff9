// @ts-check
/** The checkpoints of a training run in memory, each with its samples if there are any: not more than there is room for. */

/** How many there are, at most, and how many bytes of them. */
const MOST = 8;
const MOST_BYTES = 128e6;

/** @typedef {{ step: number, bytes: Uint8Array, samples: import("./run.js").Samples | null }} Checkpoint */

export class Checkpoints {
  /** @type {Checkpoint[]} in the order of their steps */ #list = [];

  /** The last one. @returns {Checkpoint | undefined} */
  get last() {
    return this.#list.at(-1);
  }

  /** The last one before a step. @param {number} step */
  before(step) {
    return this.#list.findLast((checkpoint) => checkpoint.step < step);
  }

  /** @param {Checkpoint} checkpoint after those that there are */
  add(checkpoint) {
    this.#list.push(checkpoint);
    const most = Math.min(MOST, Math.floor(MOST_BYTES / checkpoint.bytes.length) || 1);
    this.#list = this.#list.slice(-most);
  }

  /** Forgets those after a step. @param {number} step */
  cut(step) {
    this.#list = this.#list.filter((checkpoint) => checkpoint.step <= step);
  }
}
