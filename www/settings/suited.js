// @ts-check
/** How many noise levels suit which sampler. The page and the npm package share it. */

/** @typedef {import("../types.js").SamplerName} SamplerName */
/** @typedef {import("../types.js").SamplerSettings} SamplerSettings */

/** With more steps, samplers with one step per level gain little, and the samplers below even less. */
export const LEVELS_ONE_STEP = 100;
const LEVELS_CORRECTED = 50;
/** @type {Partial<Record<SamplerName, number>>} */
export const LEVELS = {
  heun: 20,
  "dpm-solver++": 10,
  "sde-dpm-solver++": 10,
  unipc: 10,
  consistency: 2,
};
/** What `docs/quality.md` measured for exact Langevin with 200 evaluations: L, T and a = ε/σ_L². */
const EXACT = { levels: 39, steps: 5, a: 0.25 };

/**
 * The settings of a sampler that do not depend on the sampler before it, for the samplers that have such.
 * @param {SamplerName} sampler @param {number} smallest σ_L
 * @returns {Partial<SamplerSettings> | undefined}
 */
export function ownLevels(sampler, smallest) {
  const levels = LEVELS[sampler];
  if (levels) return { levels };
  if (sampler === "predictor-corrector") return { levels: LEVELS_CORRECTED, steps_each: 1 };
  if (sampler === "exact-langevin")
    return { levels: EXACT.levels, steps_each: EXACT.steps, step_lr: EXACT.a * smallest ** 2 };
  return undefined;
}
