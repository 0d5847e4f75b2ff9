// @ts-check
/** What suits another sampler than the one that a model recommends. The page and the npm package share it. */

/** @typedef {import("../types.js").SamplerName} SamplerName */
/** @typedef {import("../types.js").SamplerSettings} SamplerSettings */
/** @typedef {Pick<SamplerSettings, "sigma_max" | "sigma_min" | "levels" | "steps_each" | "step_lr">} Numbers */

/** With more steps, samplers with one step per level gain little. */
const LEVELS_ONE_STEP = 100;

/**
 * What to change for another sampler. Some samplers have numbers that suit them with any model; for the others, the
 * number of levels is to take as many network evaluations as before. The σ that a model recommends suit its recommended
 * sampler; others start with the full range that it was trained at.
 * @param {SamplerName} sampler the other one
 * @param {{ sampler: SamplerName } & Numbers} before
 * @param {{ recommended: SamplerSettings, trained?: [number, number] }} model with the σ that it was trained at
 * @param {import("../types.js").SamplerParameters} parameters
 * @returns {Partial<Numbers>}
 */
export function changesFor(sampler, before, { recommended, trained }, { applies_to, suited }) {
  /** @type {Partial<Numbers>} */
  const changes = {};
  const sigmas = before.sampler === recommended.sampler && trained;
  if (sigmas) [changes.sigma_max, changes.sigma_min] = sigmas;
  const smallest = changes.sigma_min ?? (before.sigma_min || recommended.sigma_min);
  // The value there belongs to the recommended σ_L, or to the sampler before; η = ε/σ_L² should be the recommended one.
  const hadOwnStep = suited[before.sampler]?.relative_step !== undefined;
  if (sigmas || hadOwnStep || !applies_to.step_lr.includes(before.sampler))
    changes.step_lr = recommended.step_lr * (smallest / recommended.sigma_min) ** 2;
  const own = suited[sampler];
  if (own) {
    const { levels, steps_each, relative_step } = own;
    changes.levels = levels;
    if (steps_each !== undefined) changes.steps_each = steps_each;
    if (relative_step !== undefined) changes.step_lr = relative_step * smallest ** 2;
  } else if (applies_to.steps_each.includes(before.sampler)) {
    const evaluations = before.levels * evaluationsEach(before);
    // A sampler that has several steps at each level, too, keeps levels and steps.
    if (evaluations > 0 && !applies_to.steps_each.includes(sampler))
      changes.levels = Math.min(evaluations, LEVELS_ONE_STEP);
  } else if (suited[before.sampler]) changes.levels = LEVELS_ONE_STEP;
  return changes;
}

/**
 * The settings to begin with for a sampler: those that the model recommends, or what suits another sampler.
 * @param {SamplerName} sampler @param {Pick<import("../types.js").Card, "sampler" | "training">} card
 * @param {import("../types.js").SamplerParameters} parameters
 * @returns {SamplerSettings}
 */
export function settingsFor(sampler, { sampler: recommended, training }, parameters) {
  if (sampler === recommended.sampler) return recommended;
  const model = { recommended, trained: training?.sigmas };
  const changes = changesFor(sampler, recommended, model, parameters);
  return { ...recommended, churn: undefined, ...changes, sampler };
}

/**
 * The network evaluations at each level of a sampler with several steps there: predictor–corrector has corrections after a
 * step of the predictor.
 * @param {{ sampler: SamplerName, steps_each: number }} settings
 */
const evaluationsEach = ({ sampler, steps_each }) =>
  sampler === "predictor-corrector" ? 1 + steps_each : steps_each;
