// @ts-check
/** From what a caller asks for to a sampler's settings. */
import { settingsFor as suited } from "../www/settings/suited.js";
import { NcsnError, fromWasm } from "./errors.js";

/** The most levels that a schedule may have: `NoiseSchedule::MAX_LEVELS`. */
const MOST_LEVELS = 100_000;

/** @typedef {import("./types.js").SamplerSettings} SamplerSettings */
/** @typedef {import("./types.js").Card} Card */
/** @typedef {(settings: SamplerSettings) => Float32Array} Schedule σ of every step; throws if settings are impossible */

/**
 * @param {Pick<import("./types.js").SampleOptions, "sampler" | "steps" | "settings">} options
 * @param {Card} card @param {import("../www/types.js").SamplerParameters} parameters @param {Schedule} schedule
 * @returns {{ settings: SamplerSettings, sigmas: Float32Array }}
 * @throws {NcsnError}
 */
export function settingsFor({ sampler, steps, settings: more }, card, parameters, schedule) {
  const name = sampler ?? more?.sampler ?? card.sampler.sampler;
  let settings = { ...suited(name, card, parameters), ...more, sampler: name };
  if (steps !== undefined) settings = withSteps(settings, steps, schedule);
  try {
    return { settings, sigmas: schedule(settings) };
  } catch (error) {
    throw fromWasm(error, "bad-option");
  }
}

/**
 * The same with as many levels as so many steps allow: samplers take one, two or more steps at each.
 * @param {SamplerSettings} settings @param {number} steps @param {Schedule} schedule
 */
function withSteps(settings, steps, schedule) {
  if (!Number.isInteger(steps) || steps < 1)
    throw new NcsnError("bad-option", `steps must be a whole number from 1, but is ${steps}`);
  for (const steps_each of new Set([settings.steps_each, 1])) {
    const count = (/** @type {number} */ levels) => {
      try {
        return schedule({ ...settings, steps_each, levels }).length;
      } catch {
        return Infinity;
      }
    };
    for (let levels = Math.min(steps, MOST_LEVELS) + 1; levels > 0; ) {
      const found = count(levels);
      if (found <= steps) return { ...settings, steps_each, levels };
      // A level takes no more steps than this, so at least as many levels as that makes are too many.
      const each = Math.ceil(found / levels);
      levels -= Number.isFinite(found) ? Math.max(1, Math.floor((found - steps) / each)) : 1;
    }
  }
  throw new NcsnError("bad-option", `${settings.sampler} needs more than steps = ${steps}`);
}
