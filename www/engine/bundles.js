// @ts-check
/** Fetches the engines that are not part of the page. The page fetches this when it needs one of them. */
import { Failure, download, notImported } from "../failures/failures.js";
import { SILENCE_MS, within } from "./within.js";

/** @typedef {import("./engine.js").WasmModule} WasmModule */

/** The bundles that were started, or are being started, by their addresses. @type {Map<string, Promise<WasmModule>>} */
const started = new Map();

/**
 * Fetches a bundle and starts its wasm module. A second call returns the same one, unless the first has failed.
 * @param {URL} url of its script @param {string} name of its engine, for people
 * @returns {Promise<WasmModule>}
 */
export function load({ href }, name) {
  const before = started.get(href);
  if (before) return before;
  const loading = start(new URL(href), name);
  started.set(href, loading);
  loading.catch(() => started.delete(href));
  return loading;
}

/** @param {URL} url @param {string} name @returns {Promise<WasmModule>} */
function start(url, name) {
  const script = import(url.href).catch(async (error) => {
    throw missing(name, await notImported(url.href, error, "engine"));
  });
  return within(script, SILENCE_MS, () => silent(url)).then(async (module) => {
    await module.default({ module_or_path: await compile(url, name) });
    return module;
  });
}

/**
 * Fetches the WebAssembly of a bundle and compiles it, which may take long: only the server has to answer in time.
 * @param {URL} bundle the address of its script @param {string} name of its engine, for people
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compile(bundle, name) {
  const url = new URL("./ncsn_bg.wasm", bundle);
  const late = () => silent(url);
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  try {
    const response = await within(fetch(url), SILENCE_MS, late);
    const { ok, status, statusText, body } = response;
    if (!ok || !body)
      throw missing(name, download("WebAssembly module", url.href, status, statusText));
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await within(reader.read(), SILENCE_MS, late);
      if (done) break;
      pieces.push(value);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw download("WebAssembly module", url.href, 0, String(error));
  }
  // Not compiled while it comes: hosts may send a wrong media type, which browsers then refuse.
  return WebAssembly.compile(await new Blob(pieces).arrayBuffer());
}

/** A server that sends nothing any more. @param {URL} url */
const silent = ({ href }) =>
  download("WebAssembly module", href, 0, `Nothing came for ${SILENCE_MS / 1000} seconds.`);

/** Adds what to do about an engine that is not there. @param {string} name @param {Failure} failure */
function missing(name, failure) {
  failure.advice = [
    `The engine “${name}” is a file of its own. If this page does not have it, \`cargo xtask build\` makes it.`,
    ...failure.advice,
  ];
  return failure;
}
