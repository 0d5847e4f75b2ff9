// @ts-check
/** Reads .zip archives, which browsers can inflate but not take apart (APPNOTE.TXT 6.3.10, PKWARE). */

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
/** The length of the last record without its comment, and the most bytes of a comment. */
const END_BYTES = 22;
const MAX_COMMENT = 0xffff;
/** A size or a place of this value is in another record, for archives beyond 4 GB. */
const ELSEWHERE = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;

/**
 * @typedef {object} Entry
 * @property {string} name with its folders
 * @property {number} size inflated
 * @property {() => Promise<Blob>} read rejects with an `Error` if it is damaged
 */

/** @param {Blob} file @param {number} start @param {number} length */
const view = async (file, start, length) =>
  new DataView(await file.slice(start, start + length).arrayBuffer());

/**
 * The files in an archive, in its order.
 * @param {Blob} archive
 * @returns {Promise<Entry[]>}
 * @throws {Error} if it is none, or too large
 */
export async function entriesOf(archive) {
  const tail = Math.min(archive.size, END_BYTES + MAX_COMMENT);
  const end = await view(archive, archive.size - tail, tail);
  let at = tail - END_BYTES;
  while (at >= 0 && end.getUint32(at, true) !== END_OF_DIRECTORY) at -= 1;
  if (at < 0) throw new Error("it is no .zip archive, or was cut short");
  const [length, start] = [end.getUint32(at + 12, true), end.getUint32(at + 16, true)];
  if (start === ELSEWHERE || length === ELSEWHERE)
    throw new Error("it is larger than 4 GB; unpack it and choose the folder");
  const directory = await view(archive, start, length);
  /** @type {Entry[]} */
  const entries = [];
  for (at = 0; at + 46 <= directory.byteLength; ) {
    if (directory.getUint32(at, true) !== DIRECTORY_ENTRY) throw new Error("it is damaged");
    const number = (/** @type {number} */ offset) => directory.getUint16(at + offset, true);
    const long = (/** @type {number} */ offset) => directory.getUint32(at + offset, true);
    const name = new Uint8Array(directory.buffer, at + 46, number(28));
    const entry = {
      name: new TextDecoder().decode(name),
      encrypted: (number(8) & 1) === 1,
      method: number(10),
      packed: long(20),
      size: long(24),
      place: long(42),
    };
    if (!entry.name.endsWith("/"))
      entries.push({ name: entry.name, size: entry.size, read: () => read(archive, entry) });
    at += 46 + number(28) + number(30) + number(32);
  }
  return entries;
}

/**
 * @param {Blob} archive
 * @param {{ encrypted: boolean, method: number, packed: number, size: number, place: number }} entry
 */
async function read(archive, { encrypted, method, packed, size, place }) {
  if (encrypted) throw new Error("it is encrypted");
  const local = await view(archive, place, 30);
  if (local.getUint32(0, true) !== LOCAL_ENTRY) throw new Error("it is damaged");
  const start = place + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const bytes = archive.slice(start, start + packed);
  if (method === STORED) return bytes;
  if (method !== DEFLATED) throw new Error("it is packed by a method other than deflate");
  return inflate(bytes, size);
}

/** @param {Blob} bytes @param {number} size that it says it has: no more is taken from it */
async function inflate(bytes, size) {
  const reader = bytes.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  for (let length = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces);
    length += value.byteLength;
    if (length > size) {
      reader.cancel().catch(() => {});
      throw new Error("it is larger than it says");
    }
    pieces.push(value);
  }
}
