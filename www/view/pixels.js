// @ts-check
/** Numbers as images: pixels of an engine, values in [0, 1], and what has a sign. */

/** @typedef {import("../types.js").ImageShape} ImageShape */

/** Beyond so many standard deviations of the noise, colors do not change any more. */
const MOST = 3;
/** What is positive, zero and negative. */
const POSITIVE = [255, 150, 60];
const ZERO = [28, 32, 34];
const NEGATIVE = [82, 154, 255];

/**
 * One of several images.
 * @param {Uint8ClampedArray} pixels RGBA of all, one after another @param {number} index
 * @param {{ width: number, height: number }} shape of each
 */
export function imageAt(pixels, index, { width, height }) {
  const length = 4 * width * height;
  const image = new ImageData(width, height);
  image.data.set(pixels.subarray(index * length, (index + 1) * length));
  return image;
}

/**
 * Values as an image.
 * @param {Float32Array | Uint8Array} values channels × height × width @param {ImageShape} shape
 * @param {number} [white] the largest value
 */
export function imageOf(values, { channels, height, width }, white = 1) {
  const image = new ImageData(width, height);
  const scale = 255 / white;
  const plane = height * width;
  for (let at = 0; at < plane; at++) {
    for (let c = 0; c < 3; c++)
      image.data[4 * at + c] = scale * values[(channels < 3 ? 0 : c) * plane + at];
    image.data[4 * at + 3] = 255;
  }
  return image;
}

/** Signed values, their mean over channels, as an image. @param {Float32Array} values in standard deviations @param {ImageShape} shape */
export function mapOf(values, { channels, height, width }) {
  const image = new ImageData(width, height);
  const plane = height * width;
  for (let at = 0; at < plane; at++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += values[c * plane + at];
    const value = sum / channels;
    const color = value < 0 ? NEGATIVE : POSITIVE;
    const far = Math.min(1, Math.abs(value) / MOST) ** 0.8;
    for (let c = 0; c < 3; c++) image.data[4 * at + c] = ZERO[c] + far * (color[c] - ZERO[c]);
    image.data[4 * at + 3] = 255;
  }
  return image;
}
