// @ts-check
/** Reads .zip archives, which browsers can inflate but not take apart (APPNOTE.TXT 6.3.10, PKWARE). */
import { inflate } from "../dom/inflate.js";

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
/** The lengths of these records without what follows: names and comments, of at most so many bytes. */
const END_BYTES = 22;
const DIRECTORY_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_COMMENT = 0xffff;
/** A size or a place of this value is in another record, for archives beyond 4 GB. */
const ELSEWHERE = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;
const DAMAGED = "it is damaged";
const TOO_LARGE = "it is larger than the archive says";

/**
 * @typedef {object} Entry
 * @property {string} name with its folders
 * @property {number} size inflated
 * @property {() => Promise<Blob>} read rejects with an `Error` if it is damaged
 */

/**
 * A part of a file.
 * @param {Blob} file @param {number} start @param {number} length
 * @throws {Error} if the file ends before it does
 */
function part(file, start, length) {
  if (start + length > file.size) throw new Error(DAMAGED);
  return file.slice(start, start + length);
}

/** The bytes of a part. @param {Blob} file @param {number} start @param {number} length */
const view = async (file, start, length) =>
  new DataView(await part(file, start, length).arrayBuffer());

/**
 * The files in an archive, in its order.
 * @param {Blob} archive
 * @returns {Promise<Entry[]>}
 * @throws {Error} that says why it cannot be read
 */
export async function entriesOf(archive) {
  const tail = Math.min(archive.size, END_BYTES + MAX_COMMENT);
  const end = await view(archive, archive.size - tail, tail);
  let at = tail - END_BYTES;
  while (at >= 0 && end.getUint32(at, true) !== END_OF_DIRECTORY) at -= 1;
  if (at < 0) throw new Error("it is not a .zip archive, or was cut short");
  const [length, start] = [end.getUint32(at + 12, true), end.getUint32(at + 16, true)];
  if (start === ELSEWHERE || length === ELSEWHERE)
    throw new Error("it is larger than 4 GB; unpack it and choose the folder");
  const directory = await view(archive, start, length);
  /** @type {Entry[]} */
  const entries = [];
  for (at = 0; at < directory.byteLength; ) {
    const left = directory.byteLength - at;
    if (left < DIRECTORY_BYTES || directory.getUint32(at, true) !== DIRECTORY_ENTRY)
      throw new Error(DAMAGED);
    const number = (/** @type {number} */ offset) => directory.getUint16(at + offset, true);
    const long = (/** @type {number} */ offset) => directory.getUint32(at + offset, true);
    const bytes = DIRECTORY_BYTES + number(28) + number(30) + number(32);
    if (left < bytes) throw new Error(DAMAGED);
    const name = new Uint8Array(directory.buffer, at + DIRECTORY_BYTES, number(28));
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
    at += bytes;
  }
  return entries;
}

/**
 * @param {Blob} archive
 * @param {{ encrypted: boolean, method: number, packed: number, size: number, place: number }} entry
 */
async function read(archive, { encrypted, method, packed, size, place }) {
  if (encrypted) throw new Error("it is encrypted");
  const local = await view(archive, place, LOCAL_BYTES);
  if (local.getUint32(0, true) !== LOCAL_ENTRY) throw new Error(DAMAGED);
  const start = place + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  const bytes = part(archive, start, packed);
  if (method === STORED) return bytes;
  if (method !== DEFLATED) throw new Error("it is packed by a method other than deflate");
  return inflate(bytes, size).catch((error) => {
    throw new Error(error instanceof RangeError ? TOO_LARGE : DAMAGED);
  });
}
