// @ts-check
/**
 * Files in the cache that pages fill themselves, with a checksum each: what a disk has damaged, or something else has
 * written there, is not taken for the file.
 */

/** Holds the SHA-256 of the file. */
const SUM = "x-sha256";
/** The most bytes that the files of a cache have together: twice as many as a model may have. */
const MAX_ALL_BYTES = 1 << 29;

/** The SHA-256 of bytes, in hexadecimal. @param {BufferSource} bytes */
export async function sumOf(bytes) {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {Cache} cache @param {URL | string} address @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Record<string, string>} [about] further headers
 * @throws {Error} if there is no room
 */
export async function put(cache, address, bytes, about) {
  const headers = { ...about, "content-length": String(bytes.length), [SUM]: await sumOf(bytes) };
  await cache.put(address, new Response(bytes, { headers }));
}

/**
 * What is cached at an address: "damaged" if that is not what was put there. Files of older versions have no checksum.
 * @param {Cache} cache @param {URL | string} address
 * @returns {Promise<Response | "damaged" | undefined>}
 */
export async function match(cache, address) {
  const found = await cache.match(address);
  if (!found) return undefined;
  try {
    const { headers } = found;
    const bytes = await found.arrayBuffer();
    const sum = headers.get(SUM);
    return sum && sum !== (await sumOf(bytes)) ? "damaged" : new Response(bytes, { headers });
  } catch {
    // Its contents cannot be read any more.
    return "damaged";
  }
}

/**
 * Deletes the files that were kept longest ago, if all of them are too large together.
 * @param {Cache} cache
 */
export async function deleteOldest(cache) {
  /** @type {[request: Request, bytes: number][]} */
  const sizes = [];
  // A cache lists what was kept last at the end. What is put there again goes to the end, so this begins with the oldest.
  for (const request of await cache.keys()) sizes.push([request, await sizeOf(cache, request)]);
  let bytes = 0;
  for (const [request, size] of sizes.reverse()) {
    bytes += size;
    if (bytes > MAX_ALL_BYTES) await cache.delete(request);
  }
}

/** How many bytes a file has. Some that earlier versions kept do not say it. @param {Cache} cache @param {Request} request */
async function sizeOf(cache, request) {
  const kept = await cache.match(request);
  if (!kept) return 0;
  return Number(kept.headers.get("content-length") ?? (await kept.blob()).size);
}
