// @ts-check
/**
 * Keeps what a visitor has fetched, so that the page works without a network. `cargo xtask build` fills in the first two
 * lines and puts it beside `index.html`; a page that is only being developed has none.
 *
 * Files of a version never change, since their addresses contain the version: those that are here are used. Everything
 * else (the page itself, models) comes from the network while there is one. So a new version of the page is seen at
 * once, and the old one is whole until no window shows it any more: then its files are removed.
 */
const VERSION = "";
/** What every visit fetches, relative to the page. @type {string[]} */
const FILES = [];

const worker = /** @type {any} */ (self);
const SCOPE = worker.registration.scope;
/** The page itself, without settings. */
const PAGE = SCOPE;
const PREFIX = "ncsn page ";
const OWN = PREFIX + VERSION;
/** Models, of any version of the page. */
const MODELS = "ncsn models";
/** The most bytes that a model has; what is larger is refused by the page. */
const MAX_BYTES = 1 << 28;

const fixed = new Set(FILES.map((file) => new URL(file, SCOPE).href));
const isFixed = (/** @type {string} */ url) =>
  fixed.has(url) || url.startsWith(`${SCOPE}${VERSION}/`);
/** Models, wherever they are, and the images of the page's own. Scripts of another version are not kept. */
const isModel = (/** @type {string} */ url) => {
  const { pathname } = new URL(url);
  return pathname.endsWith(".safetensors") || (pathname.endsWith(".png") && url.startsWith(SCOPE));
};

/** @param {string} url */
async function fetchFixed(url) {
  const cache = await caches.open(OWN);
  const kept = await cache.match(url);
  if (kept) return kept;
  // The browser may have it already.
  const answer = await fetch(url, { cache: "force-cache" });
  if (answer.status === 200) await cache.put(url, answer.clone());
  return answer;
}

/** @param {any} event @param {Request} request */
async function fetchModel(event, request) {
  const cache = await caches.open(MODELS);
  try {
    const answer = await fetch(request);
    const length = Number(answer.headers.get("content-length") ?? Infinity);
    // The worker may be stopped when the page has its answer, so it is told of what is left to do.
    if (answer.status === 200 && length <= MAX_BYTES)
      event.waitUntil(cache.put(request, answer.clone()).catch(console.warn));
    return answer;
  } catch (error) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw error;
  }
}

/** @param {Request} request */
async function fetchPage(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(OWN)).match(PAGE);
    if (kept) return kept;
    throw error;
  }
}

async function install() {
  const page = await fetch(PAGE, { cache: "no-cache" });
  // If a newer version has just been published, this worker is not installed: that version has its own.
  if (!page.ok || !(await page.clone().text()).includes(VERSION))
    throw new Error("another version");
  await Promise.all([
    caches.open(OWN).then((cache) => cache.put(PAGE, page)),
    ...Array.from(fixed, async (url) => {
      const answer = await fetchFixed(url);
      if (!answer.ok) throw new Error(`${url}: HTTP ${answer.status}`);
    }),
  ]);
}

async function activate() {
  for (const name of await caches.keys())
    if (name.startsWith(PREFIX) && name !== OWN) await caches.delete(name);
  await worker.clients.claim();
}

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(install()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(activate()));
/** The addresses that a page fetched before this worker was there. */
worker.addEventListener("message", (/** @type {any} */ event) => {
  const urls = /** @type {string[]} */ (event.data).filter(isFixed);
  event.waitUntil(Promise.allSettled(urls.map(fetchFixed)));
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
  else if (isModel(url)) event.respondWith(fetchModel(event, request));
});
