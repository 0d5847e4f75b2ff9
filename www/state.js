// @ts-check
/** What the page is asked for, and what it has so far. */
import { $ } from "./dom.js";
import { readLink } from "./link.js";

export const link = readLink();

/** @param {string} address @returns {string} unchanged if it is invalid: the download will say so */
const absolute = (address) => {
  try {
    return new URL(address, document.baseURI).href;
  } catch {
    return address;
  }
};

/** @type {[any, string][]} the page's own models: links and their addresses */
export const models = [...$("models").querySelectorAll("a")].map((a) => [
  a,
  absolute(new URL(a.href).searchParams.get("model") ?? ""),
]);

/** The address of the model to load. */
export const modelUrl = absolute(link.get("model") || models[0][1]);

/** Whether to use f32 everywhere, so that a seed gives the same image on every GPU, up to rounding. */
export const exact = link.get("precision") === "f32";

export const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * What has been loaded, for any engine.
 * @typedef {object} Loaded
 * @property {import("./engine.js").WasmModule} wasmModule
 * @property {import("./engine.js").Model} model
 * @property {import("./engine.js").Card} card
 * @property {Uint8Array} bytes the model file
 * @property {string} sum its checksum
 */

export const state = {
  /** @type {Loaded | null} */
  loaded: null,
  /** @type {import("./engine.js").Engine | null} null while it changes */
  engine: null,
  /** @type {import("./engine.js").Progress | null} */
  progress: null,
  /** Whether the anneal ends without noise. */
  clean: false,
  /** @type {import("./sketch-canvas.js").SketchCanvas | null} once somebody draws */
  sketch: null,
};

/** The sketch canvas, if chains start from what is on it and not from pure noise. */
export const drawing = () =>
  $("origin").querySelector(":checked").value === "drawing" && state.sketch?.used
    ? state.sketch
    : null;

/** From 0 to 1; undefined without a drawing, or if it has holes to fill in. */
export const strength = () =>
  drawing()?.hasHoles === false ? Number($("strength").value) : undefined;
