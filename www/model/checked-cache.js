// @ts-check
/**
 * Files in the cache that pages fill themselves, with a checksum each: what a disk has damaged, or something else has
 * written there, is not taken for the file.
 */

/** Holds the SHA-256 of the file. */
const SUM = "x-sha256";

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
