// @ts-check
/** From what a caller asks for to a sampler's settings. */
import { settingsFor as suitedTo } from "../www/settings/suited.js";
import { NcsnError, fromWasm } from "./errors.js";
import { ensureKnown } from "./known.js";

/** The most levels that a schedule may have: `NoiseSchedule::MAX_LEVELS`. */
const MOST_LEVELS = 100_000;

/** @typedef {import("./types.js").SamplerSettings} SamplerSettings */
/** @typedef {import("./types.js").Churn} Churn */
/** @typedef {import("./types.js").Card} Card */
/** @typedef {(settings: SamplerSettings) => Float32Array} Schedule σ of every step; throws if settings are impossible */
/** @typedef {Parameters<typeof suitedTo>[2]} Suiting what knows which settings suit a sampler */

/** @type {Record<keyof SamplerSettings, true>} */
const SETTINGS = {
  sampler: true,
  sigma_max: true,
  sigma_min: true,
  levels: true,
  steps_each: true,
  step_lr: true,
  denoise: true,
  snr: true,
  rho: true,
  churn: true,
};
/** @type {Record<keyof Churn, true>} */
const CHURN = { amount: true, min: true, max: true, noise: true };

/**
 * @param {Pick<import("./types.js").SampleOptions, "sampler" | "steps" | "settings">} options
 * @param {Card} card @param {Suiting} model @param {Schedule} schedule @param {Churn} still churn that does nothing
 * @returns {{ settings: SamplerSettings, sigmas: Float32Array }}
 * @throws {NcsnError}
 */
export function settingsFor({ sampler, steps, settings: more }, card, model, schedule, still) {
  ensureKnown(more, SETTINGS, "setting");
  const { churn, ...others } = more ?? {};
  const wanted = /** @type {Partial<SamplerSettings>} */ (given(others));
  if (churn !== undefined) wanted.churn = wholeChurn(churn, still);
  const name = sampler ?? wanted.sampler ?? card.sampler.sampler;
  /** @type {SamplerSettings | undefined} */ let suited;
  try {
    suited = suitedTo(name, card, model);
    let settings = { ...suited, ...wanted, sampler: name };
    if (steps !== undefined) settings = withSteps(settings, steps, schedule);
    return { settings, sigmas: schedule(settings) };
  } catch (error) {
    const known = fromWasm(error, "bad-option");
    if (known.code !== "bad-option") throw known;
    throw suited ? (faultIn(wanted, suited, schedule) ?? known) : named("sampler", error);
  }
}

/** @param {Partial<Churn>} parts @param {Churn} still @returns {Churn} */
function wholeChurn(parts, still) {
  if (typeof parts !== "object")
    throw new NcsnError("bad-option", "churn must be { amount, min, max, noise }");
  ensureKnown(parts, CHURN, "part of churn");
  return { ...still, ...given(parts) };
}

/** What is given: undefined counts as left out. @param {object | null} values */
const given = (values) =>
  Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== undefined));

/**
 * What is wrong with a setting that is impossible by itself. What may also be impossible is how some go together.
 * @param {object} wanted @param {SamplerSettings} suited @param {Schedule} schedule
 */
function faultIn(wanted, suited, schedule) {
  const fault = (/** @type {object} */ changes) => {
    try {
      schedule({ ...suited, ...changes });
    } catch (error) {
      return error;
    }
  };
  if (fault({})) return undefined;
  for (const [name, value] of Object.entries(wanted)) {
    const found = name !== "sampler" && fault({ [name]: value });
    if (found) return named(name, found);
  }
}

/** An error that names an option. Those about a value's type do not. @param {string} name @param {unknown} error */
function named(name, error) {
  const { message } = fromWasm(error, "bad-option");
  const text = message.includes(name) ? message : `${name}: ${message}`;
  return new NcsnError("bad-option", text, error);
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
