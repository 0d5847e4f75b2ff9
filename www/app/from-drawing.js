// @ts-check
/** What images need that start from a drawing. The page fetches this when a visitor wants such images. */
import { $ } from "../dom/dom.js";
import { controls, live, writeAddress } from "../page/page.js";
import { drawing, link, fewStepUrl, state } from "../state/state.js";
import { SketchCanvas } from "../sketch/canvas.js";

/** @typedef {import("../types.js").SamplerSettings} SamplerSettings */

/** The number of steps from a drawing with which images can follow a pen. */
const LIVE_STEPS = 8;
/**
 * The most levels to have so many steps left of. Close to the drawing, only a small part of the levels is left, and at
 * the drawing itself there is one step however many levels there are.
 */
const MOST_LIVE_LEVELS = 100;
/** Below this σ there is nothing to see. */
const LIVE_SIGMA_MIN = 0.05;

/**
 * Makes the sketch canvas, if there is none yet.
 * @param {import("../types.js").Card} card @param {import("../engine/engine.js").Model} model
 * @returns {Promise<unknown>} settles when it can be shown
 */
export function makeSketch(card, model) {
  if (!state.sketch && !link.has("strength"))
    $("strength").value = String(model.default_strength());
  state.sketch ??= new SketchCanvas(card, {
    onPaint: () => live.ask(),
    onWritten: writeAddress,
  });
  return state.sketch.styled;
}

/** Scrolls to where canvas and images are in sight together. */
export function showSketch() {
  const canvas = $("sketch-canvas").getBoundingClientRect();
  if (canvas.top < 0) $("sketch-canvas").scrollIntoView({ block: "start" });
  else if (canvas.bottom > innerHeight) $("grid-frame").scrollIntoView({ block: "start" });
}

/**
 * Puts the canvas and the buttons of the run first in the console, or back: the keyboard then goes in the order that one
 * sees.
 * @param {boolean} first
 */
export function putFirst(first) {
  if (first === !$("drawing").parentElement.previousElementSibling) return;
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const part = (/** @type {string} */ name) =>
    /** @type {HTMLElement} */ (document.querySelector(`.console > .${name}`));
  if (first) part("readout").before(part("origin"), part("transport"));
  else {
    part("readout").after(part("transport"));
    $("view").after(part("origin"));
  }
  // What is moved loses the focus; so does what is in the canvas when that is hidden.
  if (focused !== document.activeElement)
    (focused?.getClientRects().length ? focused : $("draw")).focus({ preventScroll: true });
}

/**
 * Chooses settings with which images can follow a pen.
 * @param {boolean} [linked] whether the settings are a link's: then these are only offered, and the usual ones come back
 *   without a drawing
 */
export async function suitSettings(linked = false) {
  if (!state.loaded) return;
  const { model, card } = state.loaded;
  // Those in a link were chosen when the canvas was opened.
  const far = linked ? model.default_strength() : Number($("strength").value);
  const steps = (/** @type {SamplerSettings} */ settings) => model.schedule(settings, far).length;
  const use = (/** @type {SamplerSettings} */ settings) =>
    controls.useLiveSettings(settings, steps(settings), linked);
  use(liveSettings(card, steps));
  if (!fewStepUrl || (linked && link.get("sampler") !== "consistency")) return;
  const { fewStepModel } = await import("../model/few-step-model.js");
  const fewStep = await fewStepModel();
  // Meanwhile the visitor may have gone back, or chosen other settings.
  if (!fewStep || (linked ? $("live-label").hidden : !controls.usesLiveSettings)) return;
  use(fewStep.card.sampler);
  if (drawing() && !linked) live.ask();
}

/**
 * Settings for images that follow a drawing: the sampler that is best with few steps.
 * @param {import("../types.js").Card} card
 * @param {(settings: SamplerSettings) => number} steps counts the steps from a drawing
 * @returns {SamplerSettings}
 */
function liveSettings({ sampler }, steps) {
  /** @type {SamplerSettings} */
  const settings = {
    ...sampler,
    sampler: "ancestral",
    sigma_min: Math.max(sampler.sigma_min, LIVE_SIGMA_MIN),
    levels: LIVE_STEPS,
    churn: undefined,
  };
  while (steps(settings) < LIVE_STEPS && settings.levels < MOST_LIVE_LEVELS) settings.levels += 1;
  return settings;
}
