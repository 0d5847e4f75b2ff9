// @ts-check
/**
 * Messages for what a browser, a GPU, a link or a model may lack.
 *
 * The page fetches this module when something is missing.
 * Where the CPU engine is a way out, `page/fatal-error.js` says so.
 */
import { fileSize } from "../dom/format.js";

export const noWebAssembly = () => ({
  kind: "no-webassembly",
  title: "This browser does not run WebAssembly",
  text: "What makes the images is WebAssembly, and it is switched off here, as it is in Apple’s Lockdown Mode.",
  advice: [
    "In Lockdown Mode: choose Website Settings from Safari’s page menu, or on a Mac Settings from its menu, and leave this page out.",
    "Or use another browser.",
  ],
  technical: navigator.userAgent,
});

/** @param {string} technical */
export const policy = (technical) => ({
  kind: "policy",
  title: "A policy forbids WebAssembly here",
  text: "What makes the images is WebAssembly, and the page came with a Content-Security-Policy that does not allow it.",
  advice: ["The policy of the page needs script-src 'self' 'wasm-unsafe-eval'."],
  technical,
});

export const noWebgpu = () =>
  globalThis.isSecureContext
    ? {
        kind: "no-webgpu",
        title: "This browser has no WebGPU",
        text: "WebGPU is the way for a page to use your GPU.",
        advice: [
          "Use a current Chrome or Edge (113 or newer; 121 on Android), Safari 26 or newer, or Firefox 141 or newer on Windows (145 on Macs with Apple silicon).",
          "Chrome on Linux: start it with --enable-unsafe-webgpu --enable-features=Vulkan, or switch on chrome://flags/#enable-unsafe-webgpu.",
          "Older Safari: Settings, Feature Flags, WebGPU. Firefox: set dom.webgpu.enabled in about:config.",
        ],
        technical: navigator.userAgent,
      }
    : {
        kind: "no-webgpu",
        title: "WebGPU needs a secure page",
        text: `Browsers offer WebGPU only over https:// or from this machine, and this page came from ${location.origin}.`,
        advice: ["Open the same page over https://, or serve it on localhost."],
        technical: navigator.userAgent,
      };

export const noAdapter = (technical = "") => ({
  kind: "no-adapter",
  title: "The browser found no GPU to use",
  text: "It knows WebGPU but offers no adapter: the GPU or its driver is on the browser’s blocklist, or hardware acceleration is off.",
  advice: [
    "In Chrome or Edge, open chrome://gpu and look for the line “WebGPU”: it says why.",
    "Switch on “Use graphics acceleration when available” in the browser’s settings.",
    "Update the graphics driver, then restart the browser and open this page again.",
    "As a last resort, chrome://flags/#enable-unsafe-webgpu uses an adapter that is on the blocklist.",
    "In Firefox, about:support tells it under “Graphics”, and gfx.webgpu.ignore-blocklist in about:config is the last resort.",
  ],
  technical,
});

/** @param {string} what @param {number} seconds */
export const noAnswer = (what, seconds) => ({
  kind: "no-answer",
  title: "The GPU does not answer",
  text: `The GPU has not answered for ${seconds} seconds.`,
  advice: [
    "Close other pages and programs that use the GPU, then try again.",
    "If that does not help, restart the browser, or update the graphics driver.",
  ],
  technical: `No WebGPU ${what} came.\n${navigator.userAgent}`,
  retry: "Try again",
});

/** @param {string} feature @param {string} adapter */
export const missingFeature = (feature, adapter) => ({
  kind: "missing-feature",
  title: `This GPU lacks “${feature}”`,
  text: `${adapter} works with WebGPU, but without the feature ${feature}, and the library that runs the network cannot start without it.`,
  advice: [
    "Update the browser and the graphics driver: newer versions offer it on most GPUs.",
    "If there are two GPUs in this machine, let the browser use the other one.",
    "Another browser may offer it: Chrome and Edge do on most machines.",
  ],
  technical: `Missing WebGPU feature: ${feature}\nAdapter: ${adapter}`,
});

/** @param {string} limit @param {number} has @param {number} needs @param {string} adapter */
export const limitTooLow = (limit, has, needs, adapter) => ({
  kind: "limit",
  title: "This GPU’s limits are too low",
  text: `${limit} is ${has.toLocaleString("en")} but ${needs.toLocaleString("en")} is needed.`,
  advice: [
    "Update the graphics driver and the browser.",
    "If there are two GPUs in this machine, let the browser use the stronger one.",
  ],
  technical: `Adapter: ${adapter}`,
});

/** An address that leads to no server. @param {string} url */
export const noAddress = (url) => ({
  kind: "download",
  title: "This link names no model",
  text: `${url} is not the address of a file on a server.`,
  advice: ["Addresses of models begin with https://, or are paths on the host of this page."],
  ofModel: true,
});

/**
 * A model that the page does not take.
 * @param {string} url @param {number} bytes at least so many, if not `exact` @param {boolean} exact
 * @param {number} most
 */
export const largeModel = (url, bytes, exact, most) => ({
  kind: "model",
  title: "This model is too large for the page",
  text: `It has ${exact ? "" : "more than "}${fileSize(bytes)}, and the page takes up to ${fileSize(most)}.`,
  advice: ["Make a smaller one, with fewer or narrower layers."],
  technical: url,
});
