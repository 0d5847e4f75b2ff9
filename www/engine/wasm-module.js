// @ts-check
/**
 * The WebAssembly module that Trunk builds. It reads models, checks settings and
 * contains the fused engine. The other engines are separate modules, which `engine/engine.js` fetches
 * when they are wanted.
 */
import { Failure, download, unsupported, notImported } from "../failures/failures.js";
import { unlessSilent } from "./within.js";

/** @typedef {import("./engine.js").WasmModule} WasmModule */

/** The links to its script and its WebAssembly, which Trunk writes into the page. */
const preload = (/** @type {"script" | "wasm"} */ part) =>
  /** @type {HTMLLinkElement} */ (document.getElementById(`module-${part}`));

/**
 * Fetches and starts the wasm module.
 * @param {(loaded: number, total: number) => void} onProgress `total` is 0 if the server does not tell it
 * @returns {Promise<WasmModule>}
 * @throws {Failure}
 */
export async function loadWasmModule(onProgress) {
  const [script, { href: wasm, dataset }] = [preload("script").href, preload("wasm")];
  const [module, answer] = await Promise.all([
    importScript(script),
    fetchCounting(wasm, Number(dataset.bytes ?? 0), onProgress),
  ]);
  try {
    await module.default({ module_or_path: answer.response });
  } catch (error) {
    if (/content security policy|unsafe-eval/i.test(String(error)))
      throw await unsupported("policy", String(error));
    throw (
      answer.brokeOff() ??
      download("WebAssembly module", wasm, answer.response.status, String(error))
    );
  }
  return module;
}

/**
 * Imports the script of a wasm module.
 * @param {string} url @param {string} [what] as for `download` @returns {Promise<any>}
 * @throws {Failure}
 */
export const importScript = (url, what) =>
  unlessSilent(
    import(url).catch(async (error) => {
      throw await notImported(url, error, what);
    }),
  ).catch(notArrived(url));

/** @param {string} url @returns {(error: unknown) => never} */
const notArrived = (url) => (error) => {
  throw error instanceof Failure ? error : download("WebAssembly module", url, 0, String(error));
};

/** Whether the stack of an error leads into the wasm module. @param {string} stack */
export const isInWasmModule = (stack) =>
  ["script", "wasm"].some((/** @type {any} */ part) => stack.includes(preload(part).href));

/**
 * Fetches a file so that it can be compiled while it comes, whatever media type the server gives it.
 * @param {string} url @param {number} size 0 if it is not known
 * @param {(loaded: number, total: number) => void} onProgress
 */
async function fetchCounting(url, size, onProgress) {
  const answer = await unlessSilent(fetch(url)).catch(notArrived(url));
  if (!answer.ok || !answer.body)
    throw download("WebAssembly module", url, answer.status, answer.statusText);
  // If the server compresses, the length counts compressed bytes.
  const length = answer.headers.has("content-encoding")
    ? 0
    : Number(answer.headers.get("content-length") ?? 0);
  const total = size || length;
  const reader = answer.body.getReader();
  let loaded = 0;
  /** @type {Failure | undefined} */
  let failure;
  const body = new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await unlessSilent(reader.read());
        if (done) {
          onProgress(loaded, loaded);
          return controller.close();
        }
        loaded += value.byteLength;
        onProgress(loaded, loaded > total ? 0 : total);
        controller.enqueue(value);
      } catch (error) {
        failure = download(
          "WebAssembly module",
          url,
          0,
          `broke off after ${loaded} bytes: ${error}`,
        );
        controller.error(error);
      }
    },
  });
  return {
    response: new Response(body, {
      status: answer.status,
      headers: { "content-type": "application/wasm" },
    }),
    brokeOff: () => failure,
  };
}
