// @ts-check
/** Limits how long the page waits for an answer that may never come. */

/**
 * How many milliseconds a browser has to answer a request for a GPU. Slow drivers take two or three
 * seconds when they start; some that hang never answer.
 */
export const GPU_ANSWER_MS = 8000;

/** How many milliseconds may pass without any data before a download counts as broken off. */
const SILENCE_MS = 60_000;

/**
 * The answer, or a rejection if it takes too long.
 * @template T
 * @param {Promise<T>} answer @param {number} milliseconds
 * @param {() => Promise<Error> | Error} late makes the reason of the rejection
 * @returns {Promise<T>}
 */
export function within(answer, milliseconds, late) {
  return new Promise((resolve, reject) => {
    // The words of the reason may have to be fetched, which may fail as well.
    const timer = setTimeout(() => Promise.resolve(late()).then(reject, reject), milliseconds);
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

/**
 * Limits a wait for a server. A connection that is only slow never gets there, since it brings something now and
 * then. An import brings no pieces: its script has to be there in that time.
 * @template T @param {Promise<T>} answer @param {(error: Error) => void} [onSilence]
 */
export const unlessSilent = (answer, onSilence) =>
  within(answer, SILENCE_MS, () => {
    const error = new Error(`nothing came for ${SILENCE_MS / 1000} seconds`);
    onSilence?.(error);
    return error;
  });
