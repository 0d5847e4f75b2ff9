// @ts-check
/** What the page is asked for, and what it has so far. */
import { $ } from "../dom/dom.js";
import { readLink } from "./link.js";
import { OWN, ownLabel, showOwnModels } from "./own-list.js";

export const link = readLink();

/** @param {string} address @returns {string} unchanged if it is invalid: the download will say so */
const absolute = (address) => {
  try {
    return new URL(address, document.baseURI).href;
  } catch {
    return address;
  }
};

showOwnModels();

/** @type {[any, string][]} links to the page's models and the visitor's, and their addresses */
export const models = [...$("models").querySelectorAll("a")].map((a) => [
  a,
  absolute(new URL(a.href).searchParams.get("model") ?? ""),
]);

const wanted = link.get("model");

/** The address of the model to load. */
export const modelUrl = absolute(wanted || models[0][1]);

/** The name of its file, if the visitor has opened it from one. */
export const ownName = wanted?.startsWith(OWN) ? wanted.slice(OWN.length) : null;

/** The page's link to that model, if there is one. */
const own = models.find(([, address]) => address === modelUrl)?.[0];

/** What the page calls it. @type {string | undefined} */
export const modelLabel = ownName ? ownLabel(ownName) : own?.textContent.trim();

/** The address of weights for one to four steps, if the page has such for this model. @type {string | undefined} */
export const fewStepUrl = own?.dataset.fewStep && absolute(own.dataset.fewStep);

/** The address of its training images, if this copy of the page has them. @type {string | undefined} */
export const trainingUrl = own?.dataset.training && absolute(own.dataset.training);

export const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * What has been loaded, for any engine.
 * @typedef {object} Loaded
 * @property {import("../engine/engine.js").WasmModule} wasmModule
 * @property {import("../engine/engine.js").Model} model
 * @property {import("../types.js").Card} card
 * @property {Uint8Array} bytes the model file
 * @property {string} sum the checksum of the weights
 */

/**
 * Weights that an engine can load.
 * @typedef {object} Weights
 * @property {import("../types.js").Card} card
 * @property {Uint8Array} bytes the model file
 * @property {string} sum the checksum of the weights
 */

/**
 * What the images on the screen are made with.
 * @typedef {object} Made
 * @property {import("../types.js").SamplerSettings} settings
 * @property {bigint} seed
 * @property {number} chains
 * @property {Uint8Array} [drawing] RGBA
 * @property {number} [strength]
 * @property {import("../types.js").ChainOptions} options
 * @property {import("../settings/class-chips.js").ClassName} [ofClass] the class that was asked for, if it was one
 * @property {Uint8Array} bytes the model file
 * @property {string} sum the checksum of the weights
 */

export const state = {
  /** @type {Loaded | null} */
  loaded: null,
  /** @type {import("../engine/engine.js").Engine | null} null while it changes */
  engine: null,
  /** @type {import("../types.js").Progress | null} */
  progress: null,
  /** @type {Made | null} another object for every run */
  made: null,
  /** @type {Weights | null} those for few steps, once they have been fetched */
  fewStep: null,
  /** Whether a run ends without noise. */
  clean: false,
  /** Whether to use f32 everywhere, so that a seed gives the same image on every GPU, up to rounding. */
  exact: link.get("precision") === "f32",
  /** @type {import("../settings/class-chips.js").ClassChips | null} if the model has classes */
  classes: null,
  /** @type {import("../inspect/measures.js").Measures | null} once a visitor wants to see them */
  measures: null,
  /** @type {import("../sketch/canvas.js").SketchCanvas | null} once a visitor draws */
  sketch: null,
  /** Whether a training run is preparing or running, on a device of its own on the same GPU. */
  trains: () => false,
  /** Whether the training panel has images or a run that are kept nowhere else. */
  unsaved: () => false,
};

/** The sketch canvas, if chains start from what is on it and not from pure noise. */
export const drawing = () =>
  $("origin").querySelector(":checked").value === "drawing" && state.sketch?.used
    ? state.sketch
    : null;

/** What images keep of the drawing, unless they start from it under noise. @returns {import("../types.js").Keep | undefined} */
export const kept = () =>
  drawing() ? $("keep").value || (drawing()?.hasHoles ? "pixels" : undefined) : undefined;

/** How much noise covers the drawing, from 0 to 1; undefined without a drawing, or if images keep something of it. */
export const strength = () => (drawing() && !kept() ? Number($("strength").value) : undefined);
