// @ts-check
/** The settings that a model comes with, to choose from in one click. */
import { $ } from "../dom/dom.js";

/** @typedef {import("../types.js").SamplerSettings} SamplerSettings */

/** How much longer one takes than the other, in words. @param {number} factor */
const times = (factor) =>
  factor < 1.15 ? "as fast" : `${factor.toFixed(factor < 9.5 ? 1 : 0).replace(".0", "")}× the time`;

/**
 * Shows the choice between what a model recommends and what made its best images, if that is something else.
 * @param {import("../types.js").Card} card
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
