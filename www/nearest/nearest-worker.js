// @ts-check
/** Compares images with the training images in a thread of its own; `nearest/nearest-images.js` is the other end. */
import { TrainingSet } from "./training-set.js";

/** How many training images are shown. */
const NEAREST = 5;
/** For how many training images the nearest other is looked up. */
const OTHERS = 40;

/** @type {Promise<TrainingSet> | undefined} */
let loading;
/** @type {number | undefined} how far a training image usually is from the nearest other */
let usual;

/**
 * @typedef {object} Question
 * @property {number} asked its number
 * @property {string | Blob} source of the training images: an address or a file
 * @property {import("./training-set.js").Shape} shape of each
 * @property {number} count of them, if it is known, or 0
 * @property {Float32Array} image to compare
 * @property {Float32Array} noise that it was made of
 * @property {number[]} sigmas from that noise on, of each step
 */

addEventListener("message", async ({ data }) => {
  /** @type {Question} */
  const question = data;
  try {
    loading ??= load(question);
    const set = await loading;
    const nearest = set.nearest(question.image, NEAREST).map(({ index, distance }) => ({
      distance,
      image: set.image(index),
    }));
    usual ??= usualDistance(set);
    const { count } = set;
    postMessage({ asked: question.asked, count, nearest, usual, ...ideal(set, question) });
  } catch (error) {
    loading = undefined;
    postMessage({
      asked: question.asked,
      error: String(/** @type {Error} */ (error)?.message ?? error),
    });
  }
});

/** @param {Question} question */
async function load({ source, shape, count }) {
  const file = typeof source === "string" ? await fetched(source) : source;
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
    throw new Error("they are not in an image that this browser can read.");
  });
  const { width, height } = shape;
  if (bitmap.width % width || bitmap.height % height)
    throw new Error(`the file does not hold images of ${width} × ${height} pixels.`);
  const cells = (bitmap.width / width) * (bitmap.height / height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true })
  );
  context.drawImage(bitmap, 0, 0);
  const atlas = context.getImageData(0, 0, bitmap.width, bitmap.height);
  bitmap.close();
  return new TrainingSet(atlas, shape, count ? Math.min(count, cells) : cells);
}

/** @param {string} url */
async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered with HTTP ${answer.status}.`);
  return answer.blob();
}

/** The median, over some of the training images, of the distance to the nearest other. @param {TrainingSet} set */
function usualDistance(set) {
  const distances = Array.from({ length: Math.min(OTHERS, set.count) }, (_, at) => {
    const index = Math.floor((at * set.count) / OTHERS);
    return set.nearest(set.image(index), 1, index)[0].distance;
  });
  return distances.sort((a, b) => a - b)[distances.length >> 1];
}

/**
 * What the ideal denoiser makes of the noise, by Euler's method along the probability flow.
 * @param {TrainingSet} set @param {Question} question
 */
function ideal(set, { noise, sigmas }) {
  let noisy = noise;
  const steps = sigmas.map((sigma, at) => {
    const { denoised, mixed } = set.denoise(noisy, sigma);
    const kept = (sigmas[at + 1] ?? 0) / sigma;
    noisy = denoised.map((value, i) => value + kept * (noisy[i] - value));
    return { sigma, image: denoised, mixed };
  });
  return { steps, end: set.nearest(noisy, 1)[0].distance };
}
