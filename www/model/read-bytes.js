// @ts-check
/** Reads the body of an answer piece by piece, up to a size. The page and the npm package share it. */

/** The most bytes of a model file: what the wasm module accepts, `ModelFile::MAX_BYTES`. */
export const MAX_MODEL_BYTES = 1 << 28;

/** Why what came is not the file. */
export class ReadError extends Error {
  /** @param {number} status HTTP status, 0 if the body broke off @param {string} message for developers */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The file is larger than it may be. */
export class SizeError extends Error {
  /** @param {number} bytes its size; at least so many, if not `exact` @param {boolean} exact */
  constructor(bytes, exact) {
    super(`${exact ? "" : "more than "}${bytes} bytes`);
    this.bytes = bytes;
    this.exact = exact;
  }
}

/**
 * @param {Response} response
 * @param {number} most the most bytes that the file may have
 * @param {(loaded: number, total: number) => void} onProgress `total` is 0 if the server does not tell it
 * @param {(head: Uint8Array) => void} onHead called with the first bytes
 * @param {(loaded: number) => Promise<{ response: Response, loaded: number } | null>} [goOn] if the connection breaks off after so many bytes: another answer, and how many bytes come before it
 * @param {<T>(piece: Promise<T>) => Promise<T>} [inTime] limits how long a piece may take; if it rejects, the connection counts as broken off
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {ReadError | SizeError}
 */
export async function readBytes(
  response,
  most,
  onProgress,
  onHead,
  goOn = async () => null,
  inTime = (piece) => piece,
) {
  if (!response.ok) throw new ReadError(response.status, response.statusText);
  // A development server answers with the page itself if there is no file.
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/html") || !response.body)
    throw new ReadError(response.status, `content-type: ${type}`);

  // If the server compresses, the length counts compressed bytes, of which there are fewer.
  const compressed = response.headers.has("content-encoding");
  const length = Number(response.headers.get("content-length") ?? 0);
  let reader = response.body.getReader();
  const tooLarge = (/** @type {number} */ bytes, /** @type {boolean} */ exact) => {
    reader.cancel().catch(() => {});
    return new SizeError(bytes, exact);
  };
  if (length > most) throw tooLarge(length, !compressed);
  let total = compressed ? 0 : length;
  /** @type {Uint8Array[]} */
  let pieces = [];
  let [loaded, begun] = [0, false];
  for (;;) {
    try {
      const { done, value } = await inTime(reader.read());
      if (done) break;
      if (!begun) onHead(value);
      begun = true;
      pieces.push(value);
      loaded += value.byteLength;
    } catch (error) {
      // If it is only silent, the browser would keep the connection open.
      reader.cancel().catch(() => {});
      const rest = await goOn(loaded);
      if (!rest?.response.body) throw new ReadError(0, `broke off after ${loaded} bytes: ${error}`);
      if (!rest.loaded) pieces = [];
      loaded = rest.loaded;
      reader = rest.response.body.getReader();
      continue;
    }
    if (loaded > most) throw tooLarge(most, false);
    if (loaded > total) total = 0;
    onProgress(loaded, total);
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
