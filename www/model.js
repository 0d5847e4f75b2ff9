// @ts-check
/** Fetches a model file, reporting progress in bytes. */
import { Failure, download, largeModel } from "./failures.js";

/** The most bytes of a model file: what the wasm module accepts, `ModelFile::MAX_BYTES`. */
export const MAX_MODEL_BYTES = 1 << 28;

/**
 * @param {string} url absolute
 * @param {(loaded: number, total: number) => void} onProgress `total` is 0 if the server does not tell it
 * @param {AbortSignal} signal
 * @param {(head: Uint8Array) => void} onHead called with the first bytes
 * @returns {Promise<Uint8Array>}
 * @throws {import("./failures.js").Failure} of kind "download", or "model" if it is too large
 */
export async function fetchModel(url, onProgress, signal, onHead) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw download("model", url, 0, String(error));
  }
  if (!response.ok) throw download("model", url, response.status, response.statusText);
  // A development server answers with the page itself if there is no file.
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/html") || !response.body) {
    throw download("model", url, response.status, `content-type: ${type}`);
  }

  // If the server compresses, the length counts compressed bytes, of which there are fewer.
  const compressed = response.headers.has("content-encoding");
  const length = Number(response.headers.get("content-length") ?? 0);
  const reader = response.body.getReader();
  const refuse = (/** @type {number} */ bytes, /** @type {boolean} */ exact) => {
    reader.cancel().catch(() => {});
    return largeModel(url, bytes, exact, MAX_MODEL_BYTES);
  };
  if (length > MAX_MODEL_BYTES) throw refuse(length, !compressed);
  let total = compressed ? 0 : length;
  /** @type {Uint8Array[]} */
  const pieces = [];
  let loaded = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!loaded) onHead(value);
      pieces.push(value);
      loaded += value.byteLength;
      if (loaded > MAX_MODEL_BYTES) throw refuse(MAX_MODEL_BYTES, false);
      if (loaded > total) total = 0;
      onProgress(loaded, total);
    }
  } catch (error) {
    throw error instanceof Failure
      ? error
      : download("model", url, 0, `broke off after ${loaded} bytes: ${error}`);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  onProgress(loaded, loaded);
  return bytes;
}
