// @ts-check
/** Fetches a model file, reporting progress in bytes. */
import { Failure, download, largeModel, noAddress } from "../failures/failures.js";
import { MAX_MODEL_BYTES, ReadError, SizeError, readBytes } from "./read-bytes.js";
import { goingOn } from "./resume.js";

export { MAX_MODEL_BYTES };

/**
 * @param {string} url absolute
 * @param {(loaded: number, total: number) => void} onProgress `total` is 0 if the server does not tell it
 * @param {AbortSignal} signal
 * @param {(head: Uint8Array) => void} onHead called with the first bytes
 * @param {(headers?: Record<string, string>) => Promise<Response>} [ask] asks for it, if that is not done by its address
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {import("../failures/failures.js").Failure} of kind "download", or "model" if it is too large
 */
export async function fetchModel(
  url,
  onProgress,
  signal,
  onHead,
  ask = async (headers) => {
    // A link must not contain the file itself, as a `data:` address does: only a server's files are loaded.
    if (/^(?!https?:)[a-z][a-z0-9+.-]*:/i.test(url)) throw noAddress(url);
    return fetch(url, { signal, headers });
  },
) {
  /** @type {Response} */
  let response;
  try {
    response = await ask();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw download("model", url, 0, String(error));
  }
  try {
    const goOn = goingOn(ask, response, signal);
    return await readBytes(response, MAX_MODEL_BYTES, onProgress, onHead, goOn);
  } catch (error) {
    if (error instanceof SizeError)
      throw largeModel(url, error.bytes, error.exact, MAX_MODEL_BYTES);
    if (error instanceof ReadError) throw download("model", url, error.status, error.message);
    throw error;
  }
}
