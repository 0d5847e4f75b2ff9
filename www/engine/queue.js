// @ts-check
/**
 * A queue for all work on an engine: each piece begins when the one before it has settled, so chains are never
 * asked for two things at once, and are only freed when nothing uses them.
 */
export class Queue {
  /** @type {Promise<unknown>} */ #last = Promise.resolve();
  #onError;
  /** Whether the page has failed: then nothing may touch the engine again. */
  closed = false;

  /** @param {(error: unknown) => void} onError is called with the errors of pieces whose result is not waited for */
  constructor(onError) {
    this.#onError = onError;
  }

  /**
   * Adds a piece of work, whose errors are reported to the page.
   * @param {() => Promise<unknown>} work
   * @returns {Promise<unknown>} settles after it
   */
  add(work) {
    this.#last = this.#last.then(async () => {
      if (this.closed) return;
      try {
        await work();
      } catch (error) {
        this.#onError(error);
      }
    });
    return this.#last;
  }

  /**
   * Adds a piece of work for a caller who wants its result, or its error. Never settles if the queue is closed.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  ask(work) {
    return new Promise((resolve, reject) => {
      this.add(() => work().then(resolve, reject));
    });
  }
}
