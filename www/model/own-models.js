// @ts-check
/**
 * Models from a visitor's own files. They stay in this browser, in the cache that pages can fill themselves, so that
 * everything works with them as with the page's own: links, reloading, going back. Nothing is uploaded.
 *
 * The page fetches this when the visitor opens a file, or such a model; `page/open-model.js` has the dialog.
 */
import { match, put, sumOf } from "./checked-cache.js";
import { Failure } from "../failures/failures.js";
import { OWN, ownNames, rememberOwnNames } from "../state/own-list.js";
import { models } from "../state/state.js";

const CACHE = "ncsn own models";

/** The address under which a file is cached: no server is asked for it. @param {string} name */
const addressOf = (name) => new URL(`own-models/${encodeURIComponent(name)}`, document.baseURI);

/** @throws {Error} where pages may keep nothing */
async function openCache() {
  try {
    return await caches.open(CACHE);
  } catch {
    throw new Error(
      window.isSecureContext
        ? "This browser keeps no files for pages, as in some private windows, so the model cannot be opened here."
        : "Browsers keep files only for pages that come over https:// or from this machine, so the model cannot be opened here.",
    );
  }
}

/**
 * A model that was opened earlier, as if it had been fetched.
 * @param {string} name @returns {Promise<Response>}
 * @throws {Failure} if it is not in this browser, or not as it was
 */
export async function ownModel(name) {
  const cache = await openCache().catch((error) => {
    throw new Failure("model", { title: "This model is out of reach", text: error.message });
  });
  const found = await match(cache, addressOf(name));
  if (found instanceof Response) return found;
  rememberOwnNames(ownNames().filter((other) => other !== name));
  if (found) {
    await cache.delete(addressOf(name));
    throw new Failure("model", {
      title: "This model is damaged",
      text: `“${name}” is no longer what this browser had kept, so it was removed.`,
      advice: ["If you have the file, drop it on this page."],
    });
  }
  throw new Failure("model", {
    title: "This model is not in this browser",
    text: `“${name}” was opened from a file, perhaps in another browser. Such models never leave the browser that they were opened in, and stay there until they are removed.`,
    advice: [
      "If you have the file, drop it on this page.",
      "The person who made the link can send it to you, or publish it and link to its address.",
    ],
  });
}

/**
 * Puts a model into the cache, and its name on the list.
 * @param {string} file its name @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<string>} the name that it now has
 * @throws {Error} where there is no room for it, or pages may keep nothing
 */
export async function keepModel(file, bytes) {
  const cache = await openCache();
  const name = await nameFor(file, bytes, cache);
  await put(cache, addressOf(name), bytes).catch((error) => {
    throw new Error(`The browser has no room to keep ${name}: ${error.message}`);
  });
  rememberOwnNames([...ownNames().filter((other) => other !== name), name]);
  return name;
}

/**
 * A name for a file: with a number, if another file of this name is here. A model that was trained on the page may be nowhere
 * else.
 * @param {string} file @param {Uint8Array<ArrayBuffer>} bytes @param {Cache} cache
 */
async function nameFor(file, bytes, cache) {
  // The list of names has one in each line.
  const name = file.replace(/[\r\n]+/g, " ");
  const sum = await sumOf(bytes);
  for (let n = 1; ; n++) {
    const free = n === 1 ? name : name.replace(/(\.\w+)?$/, (type) => ` (${n})${type}`);
    const kept = await match(cache, addressOf(free));
    if (!(kept instanceof Response) || sum === (await sumOf(await kept.arrayBuffer()))) return free;
  }
}

/** Removes a model, its name and the link to it. @param {string} name */
export async function forgetModel(name) {
  rememberOwnNames(ownNames().filter((other) => other !== name));
  for (const [link] of models)
    if (new URL(link.href).searchParams.get("model") === OWN + name) link.remove();
  await (await openCache()).delete(addressOf(name));
}
