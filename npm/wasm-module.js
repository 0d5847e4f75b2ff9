// @ts-check
/** Fetches and starts the wasm module, once. */
import { unlessSilent } from "../www/engine/within.js";
import { absolute } from "./address.js";
import { NcsnError, crashed, messageOf, unsupported } from "./errors.js";

/** @typedef {typeof import("./ncsn.js")} WasmModule */

/** What Safari says in place of the address of a module's functions. */
const NOWHERE = "[wasm code]";

/** @type {Promise<WasmModule> | undefined} */
let starting;
/** @type {NcsnError | undefined} why it has stopped */
let stopped;
/** How the stack of an error names the module's functions, as far as the browser tells. @type {string | undefined} */
let place;
/** @type {Set<(error: NcsnError) => void>} */
const listeners = new Set();

/**
 * @param {string | URL} [address] where its file is, unless that is where the package or a bundler has put it; without effect
 *   once the module is there
 * @returns {Promise<WasmModule>} @throws {NcsnError}
 */
export function startWasmModule(address) {
  if (stopped) return Promise.reject(stopped);
  starting ??= start(address);
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

/** Whether the module has called the function that asks. Where browsers do not tell, it may have. */
export const isCaller = () =>
  place === undefined || withStacks(() => String(new Error().stack)).includes(place);

/** Does something that reads stacks: a page may have told the browser to make none. @template T @param {() => T} read */
function withStacks(read) {
  const before = Reflect.get(Error, "stackTraceLimit");
  // An assignment would fail where a page has frozen it.
  Reflect.set(Error, "stackTraceLimit", 20);
  try {
    return read();
  } finally {
    Reflect.set(Error, "stackTraceLimit", before);
  }
}

/** @param {string | URL} [address] */
async function start(address) {
  if (!globalThis.WebAssembly) throw await unsupported("noWebAssembly");
  const url = whereIs(address);
  try {
    const module = await unlessSilent(import("./ncsn.js"));
    await module.default({ module_or_path: await fetchFile(url) });
    place = withStacks(() => placeOf(module));
    addEventListener("ncsn-panic", (/** @type {any} */ event) => stop(String(event.detail)));
    addEventListener("error", ({ error }) => {
      // Nowhere are the functions of other modules on the page, too.
      if (place === undefined || place === NOWHERE) return;
      if (String(error?.stack).includes(place)) stop(messageOf(error));
    });
    return module;
  } catch (error) {
    if (/content security policy|unsafe-eval/i.test(String(error)))
      throw await unsupported("policy", String(error));
    throw new NcsnError(
      "network",
      `The WebAssembly module did not arrive from ${url}. If its file, ncsn_bg.wasm, is elsewhere, name that by the option \`wasm\`. (${messageOf(error)})`,
      error,
    );
  }
}

/** The module's file, of which each piece must come in time. @param {string} url */
async function fetchFile(url) {
  const answer = await unlessSilent(fetch(url));
  const reader = answer.body?.getReader();
  const body =
    reader &&
    new ReadableStream({
      async pull(controller) {
        const { done, value } = await unlessSilent(reader.read());
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
  return new Response(body, answer);
}

/** The address of the module's file. @param {string | URL} [given] */
function whereIs(given) {
  try {
    // In this form, bundlers put the address where they have moved the file. With others, it is to lie beside the bundle.
    return given ? absolute(given) : new URL("./ncsn_bg.wasm", import.meta.url).href;
  } catch (error) {
    throw given
      ? new NcsnError("bad-option", `wasm must be an address, but is “${given}”`)
      : new NcsnError(
          "network",
          `Where the WebAssembly module is cannot be told here: name the address of its file, ncsn_bg.wasm, by the option \`wasm\`. (${messageOf(error)})`,
          error,
        );
  }
}

/** How errors name the module's functions: one that it makes itself shows it. @param {WasmModule} module */
function placeOf(module) {
  try {
    module.Model.without_weights(new Uint8Array()).free();
  } catch (error) {
    const stack = String(/** @type {Error} */ (error).stack);
    return (
      /[^\s(@]+:wasm-function/.exec(stack)?.[0] ?? (stack.includes(NOWHERE) ? NOWHERE : undefined)
    );
  }
}

/** @param {string} message */
function stop(message) {
  stopped ??= crashed(message);
  for (const listener of listeners) listener(stopped);
}
