// @ts-check
/**
 * The same noise as in `src/random/`, so that every engine runs the same chains: pcg4d (Jarzynski
 * & Olano, JCGT 9(3), 2020) keyed by (seed, chain, step, pixel), and the Box–Muller transform.
 */

/** The step that a chain's start is drawn with. */
export const START = 0xffffffff;

/** @param {number} word */
const unit = (word) => ((word >>> 8) + 0.5) / 16777216;
/** @param {number} word */
const affine = (word) => (Math.imul(word, 1664525) + 1013904223) | 0;

/**
 * A standard normal number.
 * @param {number} index of the pixel @param {number} stream of the chain @param {number} step
 * @param {number} seed below 2³²
 */
export function normal(index, stream, step, seed) {
  let x = affine(index),
    y = affine(stream),
    z = affine(step),
    w = affine(seed);
  x = (x + Math.imul(y, w)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  w = (w + Math.imul(y, z)) | 0;
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  w ^= w >>> 16;
  x = (x + Math.imul(y, w)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  return Math.sqrt(-2 * Math.log(unit(x))) * Math.cos(2 * Math.PI * unit(y));
}

/**
 * Fills `out`, chain after chain, with the standard normal numbers of a step.
 * @param {Float32Array} out @param {number} dimension pixels of a chain
 * @param {number} seed below 2³² @param {number} step
 */
export function fillNormal(out, dimension, seed, step) {
  for (let i = 0; i < out.length; i++)
    out[i] = normal(i % dimension, Math.floor(i / dimension), step, seed);
}
