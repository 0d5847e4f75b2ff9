// @ts-check
/** Fetches a model file, reporting progress in bytes. */
import { Failure, download, short, unsupported } from "../failures/failures.js";
import { MAX_MODEL_BYTES, ReadError, SizeError, readBytes } from "./read-bytes.js";
import { unlessSilent } from "../engine/within.js";
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
export async function fetchModel(url, onProgress, signal, onHead, ask) {
  // A server that does not even answer is not asked again, or whoever waits would do so for many minutes.
  const stop = new AbortController();
  const end = () => stop.abort(signal.reason);
  if (signal.aborted) end();
  signal.addEventListener("abort", end);
  const byAddress = async (/** @type {Record<string, string> | undefined} */ headers) => {
    // A link must not contain the file itself, as a `data:` address does: only a server's files are loaded.
    if (/^(?!https?:)[a-z][a-z0-9+.-]*:/i.test(url))
      throw await unsupported("noAddress", short(url));
    return fetch(url, { signal: stop.signal, headers });
  };
  const askInTime = (/** @type {Record<string, string> | undefined} */ headers) =>
    unlessSilent((ask ?? byAddress)(headers), (error) => stop.abort(error));
  /** @type {Response} */
  let response;
  try {
    response = await askInTime(undefined);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw download("model", url, 0, String(error));
  }
  try {
    const goOn = goingOn(askInTime, response, stop.signal);
    return await readBytes(response, MAX_MODEL_BYTES, onProgress, onHead, goOn, unlessSilent);
  } catch (error) {
    if (error instanceof SizeError)
      throw await unsupported("largeModel", url, error.bytes, error.exact, MAX_MODEL_BYTES);
    if (error instanceof ReadError) throw download("model", url, error.status, error.message);
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
  }
}
