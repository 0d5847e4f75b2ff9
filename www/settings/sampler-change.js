// @ts-check
/** What suits another sampler than the one that a model recommends. */
import { $ } from "../dom/dom.js";
import { numberIn } from "./fields.js";
import { formatSetting } from "../dom/format.js";
import { LEVELS, LEVELS_ONE_STEP, ownLevels } from "./suited.js";

/** @typedef {import("../engine/engine.js").SamplerName} SamplerName */
/** @typedef {import("../engine/engine.js").SamplerSettings} SamplerSettings */
/** @typedef {Pick<SamplerSettings, "sigma_max" | "sigma_min" | "levels" | "steps_each" | "step_lr">} Numbers */

/**
 * What to change for another sampler: the number of levels is to take as many network evaluations.
 * The σ that a model recommends suit its recommended sampler; others start with the full range
 * that it was trained at.
 * @param {{ sampler: SamplerName } & Numbers} before
 * @param {SamplerName} sampler
 * @param {SamplerSettings} recommended for another sampler
 * @param {[number, number] | undefined} trained the σ that the model was trained at
 * @param {{ steps: boolean, stepSize: boolean }} had whether the sampler before had several steps at each level, and a
 *   step size
 * @returns {Partial<Numbers>}
 */
export function suited(before, sampler, recommended, trained, had) {
  /** @type {Partial<Numbers>} */
  const changes = {};
  const sigmas = before.sampler === recommended.sampler && trained;
  if (sigmas) [changes.sigma_max, changes.sigma_min] = sigmas;
  const smallest = changes.sigma_min ?? (before.sigma_min || recommended.sigma_min);
  // The value there belongs to the recommended σ_L, and η = ε/σ_L² should stay the same.
  if (sigmas || !had.stepSize)
    changes.step_lr = recommended.step_lr * (smallest / recommended.sigma_min) ** 2;
  const own = ownLevels(sampler, smallest);
  if (own) Object.assign(changes, own);
  else if (had.steps) {
    const evaluations = before.levels * before.steps_each;
    if (evaluations > 0) changes.levels = Math.min(evaluations, LEVELS_ONE_STEP);
  } else if (LEVELS[before.sampler] || before.sampler === "predictor-corrector")
    changes.levels = LEVELS_ONE_STEP;
  return changes;
}

/**
 * Fills the form for another sampler.
 * @param {SamplerName} before @param {SamplerName} sampler
 * @param {SamplerSettings} recommended @param {[number, number] | undefined} trained as for `suited`
 * @param {boolean} steps whether the sampler before had several steps at each level
 */
export function suitSampler(before, sampler, recommended, trained, steps) {
  const had = { steps, stepSize: !$("step-lr").disabled };
  const form = {
    sampler: before,
    sigma_max: numberIn("sigma-max"),
    sigma_min: numberIn("sigma-min"),
    levels: Number($("levels").value),
    steps_each: Number($("steps-each").value),
    step_lr: numberIn("step-lr"),
  };
  for (const [name, value] of Object.entries(suited(form, sampler, recommended, trained, had)))
    $(name.replace("_", "-")).value = formatSetting(value);
}
