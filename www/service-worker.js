// @ts-check
/**
 * Keeps what a visitor has fetched, so that the page works without a network. `cargo xtask build` fills in the first
 * lines, with the text of the imported module in place of the import, and puts it beside `index.html`; a page that is
 * only being developed has none.
 *
 * Files of a version never change, since their addresses contain the version: those that are here are used. Everything
 * else (the page itself, models) comes from the network while there is one. So a new version of the page is seen at
 * once, and the old one is whole until no window shows it any more: then its files are removed.
 */
import { deleteOldest, match, put } from "./model/checked-cache.js";

const VERSION = "";
/** Files of this version that are not in its folder, relative to the page. @type {string[]} */
const BESIDE = [];

const worker = /** @type {any} */ (self);
const SCOPE = worker.registration.scope;
/** The page itself, without settings. */
const PAGE = SCOPE;
/** How the caches of this copy's versions begin: other copies of the page on the same host have caches of their own. */
const PREFIX = `ncsn at ${SCOPE} `;
const OWN = PREFIX + VERSION;
/** How they began before they named the copy. */
const FORMER = "ncsn page ";
/** Models, of any version and copy of the page. */
const MODELS = "ncsn models";
/** The most bytes that a model has; what is larger is refused by the page. */
const MAX_BYTES = 1 << 28;

const beside = new Set(BESIDE.map((file) => new URL(file, SCOPE).href));
const isFixed = (/** @type {string} */ url) =>
  beside.has(url) || url.startsWith(`${SCOPE}${VERSION}/`);
const isWeights = (/** @type {string} */ url) => new URL(url).pathname.endsWith(".safetensors");
/** Models, wherever they are, and the images of the page's own. Scripts of another version are not kept. */
const isModel = (/** @type {string} */ url) => {
  const { pathname } = new URL(url);
  return isWeights(url) || (pathname.endsWith(".png") && url.startsWith(SCOPE));
};

/**
 * What a cache has of an address. A cache that fails, as on a full disk, counts as empty: the network may still answer.
 * @param {string} name of the cache @param {RequestInfo} request
 * @returns {Promise<Response | undefined>}
 */
async function find(name, request) {
  try {
    return await (await caches.open(name)).match(request);
  } catch (error) {
    console.warn(error);
  }
}

/**
 * Keeps an answer.
 * @param {string} name of the cache @param {RequestInfo} request @param {Response} answer
 * @throws {DOMException} if there is no room
 */
const keep = async (name, request, answer) => (await caches.open(name)).put(request, answer);

/** The browser may have a file of this version already. @param {string} url */
const fetchOnce = (url) => fetch(url, { cache: "force-cache" });

/** Answers with a file of this version. That it cannot be kept does not matter to the page. @param {string} url */
async function fetchFixed(url) {
  const kept = await find(OWN, url);
  if (kept) return kept;
  const answer = await fetchOnce(url);
  if (answer.status === 200) await keep(OWN, url, answer.clone()).catch(console.warn);
  return answer;
}

/** Keeps a file of this version. @param {string} url @throws {Error} if it does not arrive, or there is no room */
async function keepFixed(url) {
  if (await find(OWN, url)) return;
  const answer = await fetchOnce(url);
  if (answer.status !== 200) throw new Error(`${url}: HTTP ${answer.status}`);
  await keep(OWN, url, answer);
}

/** @param {any} event @param {Request} request @param {string} url its address */
async function fetchModel(event, request, url) {
  try {
    const answer = await fetch(request);
    const length = Number(answer.headers.get("content-length") ?? Infinity);
    // A network that asks for a login answers with a page of its own.
    const isPage = answer.headers.get("content-type")?.startsWith("text/html");
    // The worker may be stopped when the page has its answer, so it is told of what is left to do.
    if (answer.status === 200 && length <= MAX_BYTES && !isPage)
      event.waitUntil(keepModel(url, answer.clone()).catch(console.warn));
    return answer;
  } catch (error) {
    const kept = await findModel(url);
    if (kept) return kept;
    throw error;
  }
}

/** Keeps a model with its checksum. @param {string} url @param {Response} answer @throws {Error} if it is too large, or there is no room */
async function keepModel(url, answer) {
  const type = answer.headers.get("content-type");
  const bytes = new Uint8Array(await new Response(bounded(answer)).arrayBuffer());
  await put(await caches.open(MODELS), url, bytes, type ? { "content-type": type } : {});
  // The small images that come with the page’s models need no room to be made.
  if (isWeights(url)) await deleteOldModels();
}

/** The bytes of an answer, or an error beyond `MAX_BYTES`: the length of a compressed answer is not that of its bytes. @param {Response} answer */
function bounded(answer) {
  let bytes = 0;
  return answer.body?.pipeThrough(
    new TransformStream({
      transform(piece, controller) {
        bytes += piece.length;
        if (bytes > MAX_BYTES) throw new Error("too large to be kept");
        controller.enqueue(piece);
      },
    }),
  );
}

/** A model that was kept. One that is damaged is deleted, as if it had never been kept. @param {string} url */
async function findModel(url) {
  try {
    const cache = await caches.open(MODELS);
    const kept = await match(cache, url);
    if (kept !== "damaged") return kept;
    await cache.delete(url);
  } catch (error) {
    console.warn(error);
  }
}

/** @type {Promise<unknown>} the latest deletion */
let deleting = Promise.resolve();

/**
 * Deletes the models that were kept longest ago, if all of them are too large together. One call waits for another, as
 * each reads and counts what the other deletes.
 */
const deleteOldModels = () =>
  (deleting = deleting
    .then(async () => deleteOldest(await caches.open(MODELS)))
    .catch(console.warn));

/** @param {Request} request */
async function fetchPage(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await find(OWN, PAGE);
    if (kept) return kept;
    throw error;
  }
}

/** What every visit fetches: what the page links to, except for icons. @param {string} page */
function linked(page) {
  const links = page.matchAll(/(?:href|src)="\.\/([^"]+)"/g);
  const urls = Array.from(links, ([, file]) => new URL(file, SCOPE).href);
  return new Set(urls.filter((url) => isFixed(url) && !isModel(url)));
}

/** Keeps the whole version, or rejects: a part of it would be of no use without a network. */
async function install() {
  const page = await fetch(PAGE, { cache: "no-cache" });
  const text = await page.clone().text();
  // If a newer version has just been published, this worker is not installed: that version has its own.
  if (!page.ok || !text.includes(VERSION)) throw new Error("another version");
  await Promise.all([keep(OWN, PAGE, page), ...Array.from(linked(text), keepFixed)]);
}

async function activate() {
  for (const name of await caches.keys())
    if (name.startsWith(PREFIX) && name !== OWN) await caches.delete(name);
    else if (name.startsWith(FORMER)) await leaveFormer(name, name.slice(FORMER.length));
  await worker.clients.claim();
}

/** Deletes what a cache without the copy's name has of this copy: others may be in it, too. @param {string} name @param {string} version */
async function leaveFormer(name, version) {
  const cache = await caches.open(name);
  for (const request of await cache.keys()) {
    if (!request.url.startsWith(SCOPE)) continue;
    const file = request.url.slice(SCOPE.length);
    // What is in another folder below belongs to a copy there.
    if (!file.includes("/") || file.startsWith(`${version}/`)) await cache.delete(request);
  }
  if (!(await cache.keys()).length) await caches.delete(name);
}

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(install()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(activate()));
/** A page tells the addresses that it fetched before this worker was there; it has kept its model by itself. */
worker.addEventListener("message", (/** @type {any} */ event) => {
  const urls = /** @type {string[]} */ (event.data).filter(isFixed);
  event.waitUntil(Promise.allSettled([...urls.map(keepFixed), deleteOldModels()]));
});
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const url = request.url.split("#")[0];
  // Requests that bypass caches are for files that the page caches by itself (`model/hub.js`).
  if (request.method !== "GET" || request.cache === "no-store" || request.headers.has("range"))
    return;
  if (request.mode === "navigate") {
    const { origin, pathname } = new URL(url);
    if (`${origin}${pathname}`.replace(/index\.html$/, "") === PAGE)
      event.respondWith(fetchPage(request));
  } else if (isFixed(url)) event.respondWith(fetchFixed(url));
  else if (isModel(url)) event.respondWith(fetchModel(event, request, url));
});
