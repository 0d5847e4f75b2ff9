// @ts-check
/** The settings that a model comes with, to choose from in one click. */
import { $ } from "../dom/dom.js";

/** @typedef {import("../engine/engine.js").SamplerSettings} SamplerSettings */

/** The number of steps from a drawing with which images can follow a pen. */
const QUICK_STEPS = 8;
/**
 * The most levels to have so many steps left of. Close to the drawing, only a small part of the levels is left, and at
 * the drawing itself there is one step however many levels there are.
 */
const MOST_QUICK_LEVELS = 100;
/** Below this σ there is nothing to see. */
const QUICK_SIGMA_MIN = 0.05;

/** How much longer one takes than the other, in words. @param {number} factor */
const times = (factor) =>
  factor < 1.15 ? "as fast" : `${factor.toFixed(factor < 9.5 ? 1 : 0).replace(".0", "")}× the time`;

/**
 * Shows the choice between what a model recommends and what made its best images, if that is something else.
 * @param {import("../engine/engine.js").Card} card
 * @param {(settings: SamplerSettings) => number} steps counts the steps of settings
 * @returns {Record<string, SamplerSettings>} by the ids of the inputs
 */
export function offerPresets({ sampler, best }, steps) {
  const two = best && JSON.stringify(best) !== JSON.stringify(sampler);
  $("best-label").hidden = !two;
  $("recommended-name").textContent = two ? "Fast" : "Recommended";
  const fast = steps(sampler);
  $("recommended-hint").textContent = `${fast} steps`;
  if (!two) return { recommended: sampler };
  const slow = steps(best);
  $("best-hint").textContent = `${slow} steps, ${times(slow / fast)}`;
  return { recommended: sampler, best };
}

/**
 * Settings for images that follow a drawing: the sampler that is best with few steps.
 * @param {import("../engine/engine.js").Card} card
 * @param {(settings: SamplerSettings) => number} steps counts the steps from a drawing
 * @returns {SamplerSettings}
 */
export function quickSettings({ sampler }, steps) {
  /** @type {SamplerSettings} */
  const settings = {
    ...sampler,
    sampler: "ancestral",
    sigma_min: Math.max(sampler.sigma_min, QUICK_SIGMA_MIN),
    levels: QUICK_STEPS,
    churn: undefined,
  };
  while (steps(settings) < QUICK_STEPS && settings.levels < MOST_QUICK_LEVELS) settings.levels += 1;
  return settings;
}
