// @ts-check
/** The settings to begin with for a sampler. The page and the npm package share it. */

/** @typedef {import("../types.js").SamplerName} SamplerName */
/** @typedef {import("../types.js").SamplerSettings} SamplerSettings */

/**
 * Those that the model recommends for its own sampler, and what suits another one: `Settings::for_sampler` in Rust.
 * @param {SamplerName} sampler
 * @param {Pick<import("../types.js").Card, "sampler" | "training">} card
 * @param {{ settings_for(sampler: SamplerName, sigma_max?: number, sigma_min?: number): SamplerSettings }} model of this card
 * @returns {SamplerSettings}
 * @throws {Error} if there is no such sampler
 */
export function settingsFor(sampler, { sampler: recommended, training }, model) {
  const [largest, smallest] = training?.sigmas ?? [];
  return sampler === recommended.sampler
    ? recommended
    : model.settings_for(sampler, largest, smallest);
}
