// @ts-check
/**
 * Training images at a lower resolution: the nearest of them, and the denoiser that would be ideal if there were no
 * other images (Karras et al. 2022, appendix B.3).
 */

/** How much less probable than the likeliest an image may be without being left out of a mean, as a logarithm. */
const NEGLIGIBLE = -20;

/** @typedef {{ width: number, height: number, channels: number }} Shape */
/** @typedef {{ index: number, distance: number }} Neighbor */

export class TrainingSet {
  /** Values from 0 to 255, image after image, channels × height × width. */
  #values;
  #dimension;
  #distances;
  count;

  /** @param {ImageData} atlas the images in rows, without gaps @param {Shape} shape of each @param {number} count */
  constructor(atlas, { width, height, channels }, count) {
    const columns = atlas.width / width;
    this.count = count;
    this.#dimension = width * height * channels;
    this.#values = new Uint8Array(count * this.#dimension);
    this.#distances = new Float64Array(count);
    let to = 0;
    for (let image = 0; image < count; image++) {
      const [left, top] = [(image % columns) * width, Math.floor(image / columns) * height];
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++)
            this.#values[to++] = atlas.data[4 * ((top + y) * atlas.width + left + x) + c];
    }
  }

  /** One of the images, from 0 to 1. @param {number} index */
  image(index) {
    const start = index * this.#dimension;
    return Float32Array.from(
      this.#values.subarray(start, start + this.#dimension),
      (value) => value / 255,
    );
  }

  /** Computes the squared distances from a point to all images. @param {Float32Array} point */
  #measure(point) {
    const [values, dimension] = [this.#values, this.#dimension];
    const wanted = point.map((value) => 255 * value);
    for (let image = 0, at = 0; image < this.count; image++) {
      let sum = 0;
      for (let i = 0; i < dimension; i++) {
        const difference = values[at++] - wanted[i];
        sum += difference * difference;
      }
      this.#distances[image] = sum / 65025;
    }
    return this.#distances;
  }

  /**
   * The images that are nearest to a point, nearest first.
   * @param {Float32Array} point @param {number} wanted how many @param {number} [except] an image that does not count
   * @returns {Neighbor[]}
   */
  nearest(point, wanted, except = -1) {
    /** @type {Neighbor[]} */
    const found = [];
    for (const [index, squared] of this.#measure(point).entries()) {
      if (index === except || squared >= (found[wanted - 1]?.distance ?? Infinity)) continue;
      const at = found.findIndex(({ distance }) => squared < distance);
      found.splice(at < 0 ? found.length : at, 0, { index, distance: squared });
      found.length = Math.min(found.length, wanted);
    }
    return found.map(({ index, distance }) => ({ index, distance: Math.sqrt(distance) }));
  }

  /**
   * The mean of all images, weighted by how probable each is under noise: D(x̃, σ) of the training images.
   * @param {Float32Array} noisy @param {number} sigma
   * @returns {{ denoised: Float32Array, mixed: number }} and of how many images it is a mean, by their entropy
   */
  denoise(noisy, sigma) {
    const distances = this.#measure(noisy);
    const least = distances.reduce((least, squared) => Math.min(least, squared));
    const denoised = new Float64Array(this.#dimension);
    let [sum, weighted] = [0, 0];
    for (let image = 0; image < this.count; image++) {
      const logarithm = (least - distances[image]) / (2 * sigma * sigma);
      if (logarithm < NEGLIGIBLE) continue;
      const weight = Math.exp(logarithm);
      sum += weight;
      weighted += weight * logarithm;
      const start = image * this.#dimension;
      for (let i = 0; i < this.#dimension; i++) denoised[i] += weight * this.#values[start + i];
    }
    return {
      denoised: Float32Array.from(denoised, (value) => value / sum / 255),
      mixed: Math.exp(Math.log(sum) - weighted / sum),
    };
  }
}

/**
 * Means over squares of pixels.
 * @param {Float32Array} values channels × height × width @param {Shape} shape @param {number} side of a square
 */
export function smaller(values, { channels, height, width }, side) {
  const [down, across] = [height / side, width / side];
  const means = new Float32Array(channels * down * across);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        means[(c * down + Math.floor(y / side)) * across + Math.floor(x / side)] +=
          values[(c * height + y) * width + x] / (side * side);
  return means;
}
