// @ts-check
/** Fills the form with what suits another sampler. */
import { $ } from "../dom/dom.js";
import { formatSetting } from "../dom/format.js";
import { numberIn } from "./fields.js";
import { changesFor } from "./suited.js";

/** @typedef {import("../types.js").SamplerName} SamplerName */

/**
 * @param {SamplerName} before @param {SamplerName} sampler
 * @param {{ recommended: import("../types.js").SamplerSettings, trained?: [number, number] }} model as for `changesFor`
 * @param {import("../types.js").SamplerParameters} parameters
 */
export function suitSampler(before, sampler, model, parameters) {
  const form = {
    sampler: before,
    sigma_max: numberIn("sigma-max"),
    sigma_min: numberIn("sigma-min"),
    levels: Number($("levels").value),
    steps_each: Number($("steps-each").value),
    step_lr: numberIn("step-lr"),
  };
  for (const [name, value] of Object.entries(changesFor(sampler, form, model, parameters)))
    $(name.replace("_", "-")).value = formatSetting(value);
}
