// @ts-check
/**
 * The program: the WebAssembly module that Trunk loads, with the types of what
 * it exports.
 */
import { download } from "./failures.js";

/** @typedef {"langevin" | "consistent" | "reverse-diffusion" | "ode"} SamplerName */
/**
 * @typedef {object} SamplerSettings
 * @property {SamplerName} sampler
 * @property {number} levels L
 * @property {number} steps_each T, for "langevin" only
 * @property {number} step_lr ε, for "langevin" and "consistent"
 * @property {boolean} denoise
 * @property {number} sigma_max σ₁
 * @property {number} sigma_min σ_L
 */
/**
 * @typedef {object} Card
 * @property {number} format
 * @property {string} name
 * @property {{ kind: string, [key: string]: unknown }} architecture
 * @property {{ channels: number, height: number, width: number }} picture
 * @property {SamplerSettings} sampler what its trainer recommends
 * @property {number} parameters
 * @property {{ data: string, steps: number, examples: number, ema_decay: number, seconds: number, device: string, [key: string]: unknown }} training
 * @property {string} licence
 */
/**
 * @typedef {object} Progress
 * @property {number} step steps done
 * @property {number} steps
 * @property {number} sigma of the next step, or of the last when done
 * @property {number} level counted from 0
 * @property {number} levels
 * @property {boolean} done
 */
/** @typedef {"noisy" | "denoised"} View */
/**
 * @typedef {object} Chain
 * @property {() => Progress} progress
 * @property {(steps: number) => Promise<Progress>} advance never to be called again before it has settled
 * @property {(view: View) => Promise<Uint8ClampedArray>} pixels RGBA, chains × height × width × 4
 * @property {() => void} free
 */
/**
 * @typedef {object} Engine
 * @property {() => Card} card
 * @property {(settings: SamplerSettings) => Float32Array} schedule σ of every step
 * @property {(settings: SamplerSettings, seed: bigint, chains: number) => Chain} start
 * @property {() => void} free
 */
/** @typedef {{ Engine: { create(model: Uint8Array): Promise<Engine> } }} Program */

/**
 * Waits for the program. Call it before Trunk's script runs.
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
      // Trunk fires this after a failure too.
      window.addEventListener("TrunkApplicationStarted", () => { if (!broken) resolve(/** @type {any} */ (window).wasmBindings); }, { signal });
      // Trunk's loader leaves a download that breaks off half-way as an unhandled rejection.
      window.addEventListener("unhandledrejection", (event) => {
        if (!(event.reason instanceof TypeError && /network|fetch|load failed/i.test(event.reason.message))) return;
        event.stopImmediatePropagation();
        event.preventDefault();
        fail(event.reason, ".wasm");
      }, { signal });
      // The script itself, or what it imports, did not load. Such events do not bubble: listen on the way down.
      window.addEventListener("error", (event) => {
        if (event.target instanceof HTMLScriptElement) fail(new Error("The loader of the program did not load."), ".js");
      }, { capture: true, signal });
    });
  } finally {
    done.abort();
  }
}

/**
 * Trunk hands over neither the address nor the status, but the browser notes both, a moment later.
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
