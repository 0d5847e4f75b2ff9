// @ts-check
/**
 * The way of some chains from noise to images, step by step and as numbers: x̃, and D(x̃, σ) by one more evaluation.
 *
 * These chains are others than those on the screen, but have the same settings, seed and numbers, so they become the
 * same images.
 */
import { run } from "../page/page.js";
import { state } from "../state/state.js";

/** @typedef {import("../engine/engine.js").Chains} Chains */
/** @typedef {import("../types.js").Progress} Progress */
/**
 * @typedef {object} Step
 * @property {Progress} progress
 * @property {Float32Array} noisy x̃ before this step, chains × channels × height × width
 * @property {Float32Array} denoised D(x̃, σ) there; after the last step, the images themselves
 * @property {Float32Array} [before] x̃ one step earlier
 */

/** The most steps that are read, evenly spaced: of longer runs, not every step is. */
const MOST_STEPS = 240;

/** Steps are read whose number is divisible by this, and the last. @param {number} steps of the run */
export const everyOf = (steps) => Math.ceil(steps / MOST_STEPS);

/**
 * Follows chains for as long as the images on the screen stay what they are.
 * @param {number} first the number of the first of them @param {number} count
 * @param {(step: Step) => void} onStep
 * @param {AbortSignal} [signal]
 * @returns {Promise<boolean>} whether they have come to their end: other images may have taken the place of these
 * @throws {Error} if the engine cannot
 */
export async function trace(first, count, onStep, signal) {
  const { engine, made } = state;
  if (!engine || !made) throw new Error("There are no images yet.");
  /** @type {Chains | undefined} */
  let chains;
  /** @type {Float32Array | undefined} */
  let last;
  const start = async () => {
    if (engine.weights !== made.bytes) await engine.load(made.bytes);
    const { settings, seed, drawing, strength, options } = made;
    return engine.start(settings, seed, count, drawing, strength, options, first);
  };
  /** @returns {Promise<Step>} */
  const look = async () => {
    let before = last;
    if (chains) {
      const { step, steps } = chains.progress();
      const next = Math.min(steps, step + everyOf(steps));
      if (next - step > 1) {
        await chains.advance(next - step - 1);
        before = await chains.values("noisy");
      }
      await chains.advance(1);
    } else chains = await start();
    const noisy = (last = await chains.values("noisy"));
    const progress = chains.progress();
    return { progress, noisy, denoised: await chains.values("denoised"), before };
  };
  try {
    for (let done = false; !done; ) {
      const step = await run.turn(async () => {
        const same = state.engine === engine && state.made === made;
        return same && !signal?.aborted ? look() : null;
      });
      if (!step) return false;
      onStep(step);
      ({ done } = step.progress);
    }
    return true;
  } finally {
    run.turn(async () => chains?.free()).catch(console.warn);
  }
}

/**
 * σ s(x̃, σ), the score in units of 1/σ, which is minus the noise that the network sees.
 * @param {Step} step @returns {Float32Array} zeros after the last step
 */
export function scaledScore({ progress: { sigma, done }, noisy, denoised }) {
  return done
    ? new Float32Array(noisy.length)
    : noisy.map((value, at) => (denoised[at] - value) / sigma);
}

/** The root of the mean square of differences. @param {Float32Array} values @param {Float32Array} [others] none for zeros */
export function rms(values, others) {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += (values[at] - (others?.[at] ?? 0)) ** 2;
  return Math.sqrt(sum / values.length);
}
