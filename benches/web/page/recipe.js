// @ts-check
/**
 * What every training step draws, and how far it goes: the same numbers as in `src/recipe/` and
 * `src/web/trainer/mod.rs`, so that every engine trains on the same noise.
 */
import { fillNormal, normal } from "./noise.js";

export const ADAM = { beta1: 0.9, beta2: 0.99, epsilon: 1e-5 };
export const MAX_GRAD_NORM = 1;
const [SIGMA_MEDIAN, P_STD, WARMUP_STEPS, EMA_DECAY] = [0.4, 1.5, 20, 0.999];
/** The stream that noise levels are drawn from. */
const SIGMA_STREAM = 0xfffffffe;

/**
 * What a run is.
 * @typedef {object} Plan
 * @property {number} steps of the whole run @property {number} batch @property {number} seed
 * @property {number} learningRate
 */

/**
 * A step's batch.
 * @param {Plan} plan @param {import("./model-file.js").Card} card @param {Uint8Array} images
 * @param {number} step
 */
export function batchOf({ batch, seed }, card, images, step) {
  const dimension = card.dimension;
  const count = images.length / dimension;
  const x = new Float32Array(batch * dimension);
  const z = new Float32Array(batch * dimension);
  const sigma = new Float32Array(batch);
  const [largest, smallest] = card.sigmas;
  fillNormal(z, dimension, seed, step);
  for (let i = 0; i < batch; i++) {
    const ln = Math.log(SIGMA_MEDIAN) + P_STD * normal(i, SIGMA_STREAM, step, seed);
    sigma[i] = Math.min(largest, Math.max(smallest, Math.exp(ln)));
    const from = ((step * batch + i) % count) * dimension;
    for (let j = 0; j < dimension; j++) x[i * dimension + j] = images[from + j] / 255;
  }
  return { x, z, sigma, features: featuresOf(sigma, card.embedding) };
}

/**
 * The sines and cosines of ln σ that the embedding begins with. WGSL promises nothing about `sin`
 * and `cos` beyond ±π, so they are not left to the GPU.
 * @param {Float32Array} sigma @param {number} embedding features of each σ
 */
function featuresOf(sigma, embedding) {
  const pairs = embedding / 2;
  const features = new Float32Array(sigma.length * embedding);
  sigma.forEach((level, i) => {
    for (let k = 0; k < pairs; k++) {
      const angle = Math.log(level) * 0.25 * 64 ** (k / (pairs - 1));
      features[i * embedding + k] = Math.sin(angle);
      features[i * embedding + pairs + k] = Math.cos(angle);
    }
  });
  return features;
}

/** @param {Plan} plan @param {number} step */
export function learningRate({ steps, learningRate: most }, step) {
  if (step < WARMUP_STEPS) return (most * (step + 1)) / WARMUP_STEPS;
  const progress = Math.min(1, (step - WARMUP_STEPS) / Math.max(1, steps - WARMUP_STEPS));
  return most * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** The decay of the moving average. @param {number} step */
export const emaDecay = (step) => Math.min(EMA_DECAY, (1 + step) / (10 + step));
