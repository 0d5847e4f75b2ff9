// @ts-check
/** Inflates what comes from outside. A few bytes can inflate to a thousand times as many, so there is a limit. */

/**
 * @param {Blob} bytes deflated, without a header (RFC 1951) @param {number} most bytes that may come of them
 * @returns {Promise<Blob>}
 * @throws {RangeError} if more would come of them, another error if they are damaged
 */
export async function inflate(bytes, most) {
  const reader = bytes.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  for (let length = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces);
    length += value.byteLength;
    if (length > most) {
      reader.cancel().catch(() => {});
      throw new RangeError(`more than ${most} bytes`);
    }
    pieces.push(value);
  }
}
