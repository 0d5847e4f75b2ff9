// @ts-check
/**
 * Makes the page work without a network, by a service worker. The page fetches this once it is ready, where
 * `cargo xtask build` has made such a worker.
 */
import { registerServiceWorker } from "../dom/own-script.js";
import { put } from "../model/checked-cache.js";
import { modelUrl, state } from "../state/state.js";

/** The cache that `service-worker.js` finds models in. */
const MODELS = "ncsn models";
/** What the CPU engine's workers fetch by themselves. */
const CPU = ["../engine/worker.js", "../engines/cpu/ncsn.js", "../engines/cpu/ncsn_bg.wasm"];

export async function keepForOffline() {
  // Browsers offer none in some private windows.
  if (!("serviceWorker" in navigator)) return;
  await registerServiceWorker();
  const { active } = await navigator.serviceWorker.ready;
  await keepModel().catch(console.warn);
  // The worker has not seen what was fetched before it started.
  const urls = performance.getEntriesByType("resource").map(({ name }) => name);
  if (state.engine?.name === "cpu")
    urls.push(...CPU.map((file) => new URL(file, import.meta.url).href));
  active?.postMessage(urls);
}

/** Keeps the model, of which the page already has all bytes. */
async function keepModel() {
  if (!state.loaded || !modelUrl.startsWith("http")) return;
  const cache = await caches.open(MODELS);
  if (await cache.match(modelUrl)) return;
  await put(cache, modelUrl, /** @type {Uint8Array<ArrayBuffer>} */ (state.loaded.bytes));
}
