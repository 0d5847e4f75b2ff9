// @ts-check
/** Samples under way, frame by frame. */
import { FAULTS } from "../www/failures/faults.js";
import { StepsPerRequest } from "../www/engine/steps-per-request.js";
import { NcsnError } from "./errors.js";
import { Frame } from "./frame.js";

/** @typedef {InstanceType<import("./wasm-module.js").WasmModule["Chains"]>} Chain */
/** @typedef {{ count: number, width: number, height: number }} Shape */

/**
 * What to sample.
 * @typedef {object} Request
 * @property {bigint} seed
 * @property {import("./types.js").SamplerSettings} settings
 * @property {Float32Array} sigmas σ of every step
 * @property {Shape} shape
 * @property {import("./types.js").View} view
 * @property {number} every steps from frame to frame
 * @property {() => void} check throws if the model is gone
 * @property {AbortSignal} [signal]
 */

/** For images that only a broken computation makes. */
const BROKEN =
  "If another model works, the fault is in this one or in its settings; if none does, update the graphics driver and the browser.";
/** What to do about finished images that cannot be right. @type {Record<import("../www/types.js").Fault, string>} */
const ADVICE = {
  even: BROKEN,
  unchanged: BROKEN,
  infinite: "Try other settings, such as a smaller step_lr.",
};

/** @import { Sampler as Interface } from "./types.js" */
/** @implements {Interface} */
export class Sampler {
  #device;
  #start;
  #request;
  /** @type {Chain | null} */ #chain = null;
  #ended = false;
  /** @type {Frame | null} */ #final = null;
  /** A caller may abort while it does not wait for a frame. */
  #abort = () => this.#end();
  /** Settles when nothing is under way: calls take effect in their order. @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @param {import("./device.js").Device} device @param {() => Chain} start @param {Request} request */
  constructor(device, start, request) {
    this.#device = device;
    this.#start = start;
    this.#request = request;
    this.seed = request.seed;
    this.settings = request.settings;
    this.sigmas = request.sigmas;
    this.steps = request.sigmas.length;
    this.count = request.shape.count;
    request.signal?.addEventListener("abort", this.#abort);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<Frame, void>>} */
  next() {
    return this.#turn(async () => {
      if (this.#ended) return { done: true, value: undefined };
      // The first frame is the noise that everything starts from.
      if (this.#chain) await this.#use((chain) => chain.advance(this.#request.every));
      else await this.#begin();
      return { done: false, value: await this.#look() };
    });
  }

  /** @returns {Promise<IteratorResult<Frame, void>>} */
  return() {
    // Leaving a loop is no error after an abort, either.
    return this.#turn(async () => {
      this.#end();
      return { done: true, value: undefined };
    }, {});
  }

  // Where browsers do not know this symbol yet, it is never called.
  async [Symbol.asyncDispose]() {
    await this.return();
  }

  /**
   * @param {(progress: import("../www/types.js").Progress) => Promise<void>} [between] is told how far it is, and waited for,
   *   before each piece of the work
   * @returns {Promise<Frame>}
   */
  finish(between = async () => {}) {
    return this.#turn(async () => {
      if (this.#final) return this.#final;
      if (this.#ended) throw new NcsnError("bad-option", "sampling was canceled: sample anew");
      if (!this.#chain) await this.#begin();
      const requests = new StepsPerRequest();
      for (let first = true, at = await this.#use((chain) => chain.progress()); !at.done; ) {
        await between(at);
        const [began, before] = [performance.now(), at.step];
        at = await this.#use((chain) => chain.advance(requests.steps));
        // The first step may compile kernels, which says nothing about the next.
        if (!first) requests.learn(at.step - before, performance.now() - began);
        first = false;
      }
      return this.#look();
    });
  }

  async #begin() {
    const chain = await this.#device.run(() => {
      this.#request.check();
      return this.#start();
    });
    if (this.#ended) this.#device.free(chain);
    else this.#chain = chain;
  }

  /**
   * Uses the chain, unless it was given back meanwhile.
   * @template T
   * @param {(chain: Chain) => T | Promise<T>} work
   * @returns {Promise<T>}
   */
  #use(work) {
    return this.#device.run(() => {
      this.#request.check();
      if (!this.#chain) throw new NcsnError("bad-option", "sampling was canceled");
      return work(this.#chain);
    });
  }

  /** Copies the images of a step. If it was the last, they are checked, and nothing is left to do. */
  async #look() {
    const { view, shape } = this.#request;
    const pixels = await this.#use((chain) => chain.pixels(view));
    const progress = await this.#use((chain) => chain.progress());
    if (!progress.done) return new Frame(pixels, progress, shape);
    const fault = await this.#use((chain) => chain.verify());
    if (fault)
      throw new NcsnError("wrong", `The images came out wrong. ${FAULTS[fault]} ${ADVICE[fault]}`);
    this.#end();
    return (this.#final = new Frame(pixels, progress, shape));
  }

  #end() {
    this.#ended = true;
    this.#request.signal?.removeEventListener("abort", this.#abort);
    if (this.#chain) this.#device.free(this.#chain);
    this.#chain = null;
  }

  /**
   * Does one thing after another. After an abort, a caller need not wait until the GPU has done what it was asked for.
   * @template T
   * @param {() => Promise<T>} work @param {{ signal?: AbortSignal }} [by] what makes it reject
   * @returns {Promise<T>}
   */
  #turn(work, { signal } = this.#request) {
    const result = this.#last.then(async () => {
      /** @type {(() => void) | undefined} */ let hear;
      try {
        signal?.throwIfAborted();
        if (!signal) return await work();
        const aborted = new Promise((_, reject) => {
          hear = () => reject(signal.reason);
          signal.addEventListener("abort", hear);
        });
        const under = work();
        under.catch(() => {});
        return /** @type {T} */ (await Promise.race([under, aborted]));
      } catch (error) {
        this.#end();
        throw error;
      } finally {
        if (hear) signal?.removeEventListener("abort", hear);
      }
    });
    this.#last = result.catch(() => {});
    return result;
  }
}
