// @ts-check
/**
 * The program: the WebAssembly module that Trunk loads. It reads models, checks settings and
 * contains the fused engine. The other engines are separate programs, which `engine.js` fetches
 * when they are wanted.
 */
import { download } from "./failures.js";

/** @typedef {import("./engine.js").Program} Program */

/**
 * Waits for the program. Must be called before Trunk's script runs.
 * @param {(loaded: number, total: number) => void} onProgress
 * @returns {Promise<Program>}
 */
export async function loadProgram(onProgress) {
  const done = new AbortController();
  const { signal } = done;
  try {
    return await new Promise((resolve, reject) => {
      let broken = false;
      const fail = (/** @type {unknown} */ error, /** @type {string} */ ending) => {
        broken = true;
        failureOfDownload(error, ending).then(reject);
      };
      window.addEventListener("ncsn-program-progress", (event) => {
        const { current, total } = /** @type {CustomEvent} */ (event).detail;
        onProgress(current, total);
      }, { signal });
      window.addEventListener("ncsn-program-failed", (event) => fail(/** @type {CustomEvent} */ (event).detail.error, ".wasm"), { signal });
      // Trunk fires this after a failure, too.
      window.addEventListener("TrunkApplicationStarted", () => { if (!broken) resolve(/** @type {any} */ (window).wasmBindings); }, { signal });
      // If a download breaks off half-way, Trunk's loader leaves an unhandled rejection.
      window.addEventListener("unhandledrejection", (event) => {
        const { message, stack } = event.reason ?? {};
        if (!(event.reason instanceof TypeError && /network|fetch|load failed/i.test(message))) return;
        // Extensions and scripts of other origins fetch as well, but they may also stand between
        // the page and its own downloads.
        if (/:\/\//.test(stack) && !stack.includes(location.origin)) return;
        event.stopImmediatePropagation();
        event.preventDefault();
        fail(event.reason, ".wasm");
      }, { signal });
      // The script itself, or something it imports, did not load. Such events do not bubble, so
      // capture them.
      window.addEventListener("error", (event) => {
        if (event.target instanceof HTMLScriptElement) fail(new Error("The loader of the program did not load."), ".js");
      }, { capture: true, signal });
    });
  } finally {
    done.abort();
  }
}

/**
 * Finds the address and the status, which Trunk does not pass on but the browser records a moment
 * later.
 * @param {unknown} error
 * @param {string} ending of the file's name
 */
async function failureOfDownload(error, ending) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const ours = (/** @type {string} */ url) => new URL(url, document.baseURI).pathname.endsWith(ending) && !url.includes("/www/");
  const entries = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType("resource")).filter((each) => ours(each.name));
  const entry = entries.find((each) => each.responseStatus >= 400) ?? entries.at(-1);
  const preload = [...document.querySelectorAll("link")].find((each) => each.href && ours(each.href));
  const url = entry?.name ?? preload?.href ?? document.baseURI;
  const brokeOff = error instanceof TypeError && !(entry && entry.responseStatus >= 400);
  return download("program", url, brokeOff ? 0 : (entry?.responseStatus ?? 0), String(error));
}
