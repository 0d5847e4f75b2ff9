// @ts-check
/** Fetches the engines and the trainer that are not part of the page. The page fetches this when it needs one of them. */
import { Failure, download } from "../failures/failures.js";
import { importScript } from "./wasm-module.js";
import { unlessSilent } from "./within.js";

/** The bundles, with their names for people. */
const NAMES = {
  cpu: "engine “CPU”",
  reference: "engine “Burn (reference)”",
  training: "trainer",
};

/** @typedef {keyof typeof NAMES} Bundle */

/** The bundles that were started, or are being started. @type {Map<Bundle, Promise<any>>} */
const started = new Map();

/**
 * Fetches a bundle and starts its wasm module. A second call returns the same one, unless the first has failed.
 * @param {Bundle} bundle
 * @returns {Promise<any>} its exports
 * @throws {Failure} if it does not arrive
 */
export function load(bundle) {
  const before = started.get(bundle);
  if (before) return before;
  const loading = start(bundle);
  started.set(bundle, loading);
  loading.catch(() => started.delete(bundle));
  return loading;
}

/** @param {Bundle} bundle @param {string} file */
const addressOf = (bundle, file) => new URL(`../engines/${bundle}/${file}`, import.meta.url).href;

/** @param {Bundle} bundle */
async function start(bundle) {
  const module = await importScript(addressOf(bundle, "ncsn.js"), NAMES[bundle]).catch(
    (failure) => {
      throw missing(bundle, failure);
    },
  );
  await module.default({ module_or_path: await compile(bundle) });
  return module;
}

/**
 * Fetches the WebAssembly of a bundle and compiles it, which may take long: only the server has to answer in time.
 * @param {Bundle} bundle
 * @returns {Promise<WebAssembly.Module>}
 * @throws {Failure} if it does not arrive
 */
export async function compile(bundle) {
  const url = addressOf(bundle, "ncsn_bg.wasm");
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  try {
    const { ok, status, statusText, body } = await unlessSilent(fetch(url));
    if (!ok || !body)
      throw missing(bundle, download("WebAssembly module", url, status, statusText));
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await unlessSilent(reader.read(), () => void reader.cancel());
      if (done) break;
      pieces.push(value);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw download("WebAssembly module", url, 0, String(error));
  }
  // Not compiled while it comes: hosts may send a wrong media type, which browsers then refuse.
  return WebAssembly.compile(await new Blob(pieces).arrayBuffer());
}

/** Adds what to do about a bundle that is not there. @param {Bundle} bundle @param {Failure} failure */
function missing(bundle, failure) {
  failure.advice = [
    `The ${NAMES[bundle]} is a file of its own. If this page does not have it, “cargo xtask build” makes it.`,
    ...failure.advice,
  ];
  return failure;
}
