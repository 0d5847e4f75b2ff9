// @ts-check
/** Image files from whatever a visitor chooses or drops: files, folders, .zip archives. */
import { fileSize } from "../dom/format.js";
import { entriesOf } from "./zip.js";

/** The endings of files that browsers can decode; systems do not know the media types of all. */
const IMAGE = /\.(png|jpe?g|webp|gif|bmp|avif|ico)$/i;
const ZIP = /\.zip$/i;
/** The most bytes of one image file. */
const MAX_IMAGE_BYTES = 64e6;

/** @typedef {{ name: string, blob: Blob }} ImageFile */

/**
 * The files behind a drop, also those in folders.
 * @param {DataTransfer} transfer which is only readable until the event is over
 * @returns {Promise<File[]>}
 */
export async function dropped(transfer) {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  /** @type {File[]} */
  const files = [];
  for (const entry of entries) await walk(/** @type {any} */ (entry), files);
  return files;
}

/** @param {any} entry FileSystemEntry @param {File[]} files to which those in it are added */
async function walk(entry, files) {
  const settled = (/** @type {string} */ method, /** @type {any} */ of) =>
    new Promise((resolve, reject) => of[method](resolve, reject));
  if (entry.isFile) return files.push(await settled("file", entry));
  const reader = entry.createReader();
  // Each call returns some of the entries, and the last one none.
  for (;;) {
    const some = await settled("readEntries", reader);
    if (!some.length) return;
    for (const inner of some) await walk(inner, files);
  }
}

/**
 * The images among files, in the order of their names, and of what is in archives.
 * @param {readonly File[]} files
 * @param {(name: string, why: string) => void} onRefused called with each file that cannot be used
 * @returns {AsyncGenerator<ImageFile>}
 */
export async function* imagesOf(files, onRefused) {
  const sorted = [...files].sort((a, b) => pathOf(a).localeCompare(pathOf(b)));
  for (const file of sorted) {
    if (hidden(pathOf(file))) continue;
    if (ZIP.test(file.name)) yield* unzipped(file, onRefused);
    else if (!file.type.startsWith("image/") && !IMAGE.test(file.name))
      onRefused(file.name, notImage);
    else if (file.size > MAX_IMAGE_BYTES) onRefused(file.name, tooLarge);
    else yield { name: file.name, blob: file };
  }
}

const notImage = "it is not an image";
const tooLarge = `it has more than ${fileSize(MAX_IMAGE_BYTES)}`;

/** @param {File} file */
const pathOf = (file) => file.webkitRelativePath || file.name;

/** Whether it is a hidden file, or one that macOS or Windows adds to folders and archives. @param {string} path */
const hidden = (path) => /(^|\/)(\.|__MACOSX\/|Thumbs\.db$)/.test(path);

/** @param {File} archive @param {(name: string, why: string) => void} onRefused @returns {AsyncGenerator<ImageFile>} */
async function* unzipped(archive, onRefused) {
  /** @type {import("./zip.js").Entry[]} */
  let entries;
  try {
    entries = await entriesOf(archive);
  } catch (error) {
    return onRefused(archive.name, messageOf(error));
  }
  const shown = entries.filter(({ name }) => !hidden(name));
  if (!shown.length) return onRefused(archive.name, "it is empty");
  for (const { name, size, read } of shown) {
    const short = name.slice(name.lastIndexOf("/") + 1);
    if (!IMAGE.test(name)) onRefused(short, notImage);
    else if (size > MAX_IMAGE_BYTES) onRefused(short, tooLarge);
    else {
      /** @type {Blob | null} */
      let blob = null;
      try {
        blob = await read();
      } catch (error) {
        onRefused(short, messageOf(error));
      }
      if (blob) yield { name: short, blob };
    }
  }
}

/** @param {unknown} error */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));
