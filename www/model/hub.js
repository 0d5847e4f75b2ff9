// @ts-check
/**
 * Models on a hub, named `hf:user/name[/path][@revision]`. The page and the npm package share this.
 *
 * Files are kept in the Cache API. One of a commit never changes, so it is never asked for again. A branch may have moved
 * on, so its file is compared by ETag first; if the hub does not answer soon, what was kept is used.
 */

import { within } from "../engine/within.js";
import { deleteOldest, match, put } from "./checked-cache.js";

/** The hub that names refer to. */
const HUB = "https://huggingface.co";
/** What such names begin with. */
const SCHEME = "hf:";
/** What is meant without a path or a revision. */
const FILE = "model.safetensors";
const REVISION = "main";
const CACHE = "ncsn hub";
/** How many milliseconds a hub has to say whether there is a newer file. */
const ANSWER_MS = 5000;

/**
 * Whether a text may stand between the slashes of a name: what the programs accept (`src/hub/address.rs`), so that a link
 * to the page and a command line can name the same files. @param {string | undefined} text
 */
const isPart = (text) => text !== undefined && /^(?!\.)(?!.*\.\.)[\w.-]+$/.test(text);

/** @param {string} name of a model, which may also be an address */
export const isOnHub = (name) => name.startsWith(SCHEME);

/**
 * A file on a hub.
 * @typedef {object} HubFile
 * @property {string} url its address
 * @property {(signal?: AbortSignal, headers?: Record<string, string>) => Promise<Response>} ask fetches it, or finds it in
 *   the cache; headers ask for a part of it, which is always fetched
 * @property {(response: Response, bytes: Uint8Array<ArrayBuffer>) => Promise<void>} keep
 *   puts it into the cache, once somebody has seen that it is what it should be
 */

/**
 * @param {string} name `hf:user/name[/path][@revision]`
 * @param {string} [hub] another hub's address
 * @returns {HubFile}
 * @throws {Error} if it is no such name
 */
export function hubFile(name, hub = HUB) {
  const [, place, revision = REVISION] = /^hf:([^@]*)(?:@(.*))?$/.exec(name) ?? [];
  const [user, model, ...rest] = place?.split("/") ?? [];
  const file = rest.length ? rest : [FILE];
  if (![user, model, ...file, ...revision.split("/")].every(isPart))
    throw new Error(
      `“${name}” names no model of a hub: write ${SCHEME}user/name[/path][@revision]`,
    );
  const url = [
    hub.replace(/\/+$/, ""),
    ...[user, model, "resolve", revision, ...file].map(encodeURIComponent),
  ].join("/");
  // Branches and tags can be moved, commits cannot.
  const fixed = /^[0-9a-f]{40}$/.test(revision);
  /** @type {Response | undefined} what came from the cache */
  let cached;
  return {
    url,
    async ask(signal, headers) {
      const kept = headers ? undefined : await find(url);
      if (kept && (fixed || (await isCurrent(url, kept, signal)))) return (cached = kept);
      // A page's service worker leaves alone what is kept here.
      return fetch(url, { signal, headers, cache: "no-store" });
    },
    async keep(response, bytes) {
      if (response === cached) return;
      const tag = response.headers.get("etag");
      const kept = await cache();
      if (!kept) return;
      try {
        await put(kept, url, bytes, tag ? { etag: tag } : {});
        await deleteOldest(kept);
      } catch {
        // Without room for it, it is fetched again next time.
      }
    },
  };
}

/** The cache, where there is one: browsers keep nothing for pages over http://, or in some private windows. */
const cache = async () => {
  try {
    return await caches.open(CACHE);
  } catch {
    return undefined;
  }
};

/** What is kept of an address, unless it is damaged. @param {string} url */
async function find(url) {
  const kept = await cache();
  const found = kept && (await match(kept, url));
  return found === "damaged" ? undefined : found;
}

/** @param {string} url @param {Response} kept @param {AbortSignal} [signal] */
async function isCurrent(url, kept, signal) {
  /** @type {Response} */
  let now;
  try {
    const asked = fetch(url, { method: "HEAD", signal, cache: "no-store" });
    now = await within(asked, ANSWER_MS, () => new Error("The hub is silent."));
  } catch {
    signal?.throwIfAborted();
    return true;
  }
  // A hub that has trouble, or is asked too often, says nothing about the file.
  if (!now.ok) return now.status >= 500 || now.status === 429;
  const tag = now.headers.get("etag");
  return tag !== null && tag === kept.headers.get("etag");
}
