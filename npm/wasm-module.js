// @ts-check
/** Fetches and starts the wasm module, once. */
import { NcsnError, crashed, messageOf, unsupported } from "./errors.js";

/** @typedef {typeof import("../wasm/ncsn.js")} WasmModule */

/** @type {Promise<WasmModule> | undefined} */
let starting;
/** @type {NcsnError | undefined} why it has stopped */
let stopped;
/** @type {Set<(error: NcsnError) => void>} */
const listeners = new Set();

/** @returns {Promise<WasmModule>} @throws {NcsnError} */
export function startWasmModule() {
  if (stopped) return Promise.reject(stopped);
  starting ??= start();
  // The next caller may have more luck.
  starting.catch(() => (starting = undefined));
  return starting;
}

/**
 * Calls back if the module stops. A panic, or an exception after it has waited for something, settles no promise.
 * @param {(error: NcsnError) => void} listener
 * @returns {() => void} stops listening
 */
export function onStop(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

async function start() {
  if (!globalThis.WebAssembly) throw await unsupported("noWebAssembly");
  try {
    const module = await import("../wasm/ncsn.js");
    // The module's own script asks for the file beside it, in the form that bundlers understand.
    await module.default();
    addEventListener("ncsn-panic", (/** @type {any} */ event) => stop(String(event.detail)));
    addEventListener("error", ({ error }) => {
      if (/ncsn_bg[^/\s]*\.wasm/.test(error?.stack)) stop(messageOf(error));
    });
    return module;
  } catch (error) {
    if (/content security policy|unsafe-eval/i.test(String(error)))
      throw await unsupported("policy", String(error));
    // In this form, bundlers put the address where they have moved the file.
    const { href } = new URL("../wasm/ncsn_bg.wasm", import.meta.url);
    throw new NcsnError(
      "network",
      `The WebAssembly module did not arrive from ${href}. (${messageOf(error)})`,
      error,
    );
  }
}

/** @param {string} message */
function stop(message) {
  stopped ??= crashed(message);
  for (const listener of listeners) listener(stopped);
}
