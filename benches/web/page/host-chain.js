// @ts-check
/**
 * The sampler around an engine that only evaluates the network, in JavaScript, as one would write it
 * around any runtime: x ← x + drift · s(x, σ) + previous · s₋ + noise · z, where s₋ is the score of
 * the previous step.
 */
import { START, fillNormal } from "./noise.js";

export class HostChain {
  #stepTable;
  #seed;
  #dimension;
  #z;
  #done = 0;
  /** The score of the previous step. */
  #before;

  /**
   * @param {import("./main.js").StepTable} stepTable @param {number} seed
   * @param {number} batch @param {number} dimension pixels × channels of an image
   */
  constructor(stepTable, seed, batch, dimension) {
    this.#stepTable = stepTable;
    this.#seed = seed;
    this.#dimension = dimension;
    this.#z = new Float32Array(batch * dimension);
    this.#before = new Float32Array(batch * dimension);
    this.x = new Float32Array(batch * dimension);
    fillNormal(this.x, dimension, seed, START);
    const { mean, sigma } = stepTable.start;
    this.x.forEach((z, i) => {
      this.x[i] = mean + sigma * z;
    });
  }

  /**
   * @param {number} steps
   * @param {(x: Float32Array, sigma: number) => Promise<Float32Array>} score
   */
  async advance(steps, score) {
    const end = Math.min(this.#stepTable.steps.length, this.#done + steps);
    for (; this.#done < end; this.#done++) {
      const { sigma, drift, previous, noise } = this.#stepTable.steps[this.#done];
      const s = await score(this.x, sigma);
      if (noise > 0) fillNormal(this.#z, this.#dimension, this.#seed, this.#done);
      for (let i = 0; i < this.x.length; i++)
        this.x[i] += drift * s[i] + previous * this.#before[i] + noise * this.#z[i];
      this.#before = s;
    }
  }

  /** @param {number} channels 1 or 3 @returns {Uint8ClampedArray} RGBA */
  pixels(channels) {
    const plane = this.#dimension / channels;
    const pixels = new Uint8ClampedArray((this.x.length / channels) * 4).fill(255);
    for (let i = 0; i < pixels.length / 4; i++) {
      const [image, pixel] = [Math.floor(i / plane), i % plane];
      for (let c = 0; c < 3; c++)
        pixels[4 * i + c] = this.x[image * this.#dimension + (c % channels) * plane + pixel] * 255;
    }
    return pixels;
  }
}
