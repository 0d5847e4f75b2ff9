// @ts-check
/** A model on this machine's GPU. */
import { MAX_SEED, randomSeed } from "../www/settings/seed.js";
import { classNumbers } from "./classes.js";
import { openDevice } from "./device.js";
import { NcsnError, fromWasm } from "./errors.js";
import { ensureKnown } from "./known.js";
import { Sampler } from "./sampler.js";
import { settingsFor } from "./settings.js";

/** @typedef {import("./wasm-module.js").WasmModule} WasmModule */

/** What `sample` does unless told otherwise; chains are limited by the wasm module. */
const COUNT = 16;
const MAX_COUNT = 1024;
/** @type {Record<keyof import("./types.js").SampleOptions, true>} */
const OPTIONS = {
  seed: true,
  count: true,
  class: true,
  guidance: true,
  steps: true,
  sampler: true,
  settings: true,
  image: true,
  strength: true,
  view: true,
  every: true,
  signal: true,
};

/** @import { Model as Interface } from "./types.js" */
/** @implements {Interface} */
export class Model {
  #device;
  #engine;
  /** The file without weights, for questions about settings. */ #file;
  /** Churn that does nothing. */ #churn;
  #disposed = false;

  /**
   * @param {import("./device.js").Device} device whose user this becomes
   * @param {InstanceType<WasmModule["Engine"]>} engine @param {InstanceType<WasmModule["Model"]>} file
   * @param {import("./types.js").Churn} churn that does nothing
   */
  constructor(device, engine, file, churn) {
    this.#device = device;
    this.#engine = engine;
    this.#file = file;
    this.#churn = churn;
    this.card = file.card();
    this.name = this.card.name;
    const { width, height, channels } = this.card.image_shape;
    this.width = width;
    this.height = height;
    this.channels = channels;
    this.classes = (this.card.classes ?? []).map(({ name }) => name);
    this.device = device.name;
    this.precision = engine.precision();
  }

  /** @param {import("./types.js").SampleOptions} [options] */
  sample(options = {}) {
    this.#check();
    ensureKnown(options, OPTIONS, "option of sample");
    const { class: chosen, guidance, image, signal, view = "noisy" } = options;
    const count = whole("count", options.count ?? COUNT, 1, MAX_COUNT);
    const every = whole("every", options.every ?? 1, 1, 1e6);
    const seed = seedOf(options.seed);
    if (view !== "noisy" && view !== "denoised")
      throw new NcsnError("bad-option", `view must be “noisy” or “denoised”, but is “${view}”`);
    // The wasm module computes in f32.
    if (
      guidance !== undefined &&
      !(Number.isFinite(guidance) && Number.isFinite(Math.fround(guidance)))
    )
      throw new NcsnError("bad-option", `guidance must be a finite number, but is ${guidance}`);
    const classes = classNumbers(chosen, this.card);
    const { width, height } = this;
    if (image && (image.width !== width || image.height !== height))
      throw new NcsnError(
        "bad-option",
        `image must be ${width} × ${height}, but is ${image.width} × ${image.height}`,
      );
    if (image && image.data?.length !== 4 * width * height)
      throw new NcsnError("bad-option", "image must be ImageData, four numbers for each pixel");
    const strength = image && (options.strength ?? this.#file.default_strength());
    const schedule = (/** @type {import("./types.js").SamplerSettings} */ settings) =>
      this.#file.schedule(settings, strength);
    const { settings, sigmas } = settingsFor(options, this.card, this.#file, schedule, this.#churn);
    const drawing = image && new Uint8Array(image.data);
    const start = () => {
      /** @type {import("../www/types.js").ChainOptions} */
      const more = { guidance };
      if (classes) more.classes = classes;
      return this.#engine.start(settings, seed, 0, count, drawing, strength, more);
    };
    const shape = { count, width, height };
    const check = () => this.#check();
    const request = { seed, settings, sigmas, shape, view, every, check, signal };
    return new Sampler(this.#device, start, request);
  }

  /** @throws {NcsnError} if there is nothing left to sample from */
  #check() {
    if (this.#disposed)
      throw new NcsnError("disposed", "This model has been disposed of: load it again.");
  }

  dispose() {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#device.free(this.#engine);
    this.#device.free(this.#file);
    this.#device.release();
  }

  // Where browsers do not know this symbol yet, it is never called.
  [Symbol.dispose]() {
    this.dispose();
  }
}

/**
 * Puts a model on the GPU, whose device may be open already.
 * @param {WasmModule} wasm @param {Uint8Array} bytes the model file @param {string} name for messages @param {boolean} exact
 * @param {(device: import("./device.js").Device, engine: InstanceType<WasmModule["Engine"]>, file: InstanceType<WasmModule["Model"]>) => Promise<void>} compile
 */
export async function createModel(wasm, bytes, name, exact, compile) {
  let file;
  try {
    file = new wasm.Model(bytes);
  } catch (error) {
    const { code, message } = fromWasm(error, "bad-model");
    throw new NcsnError(code, `${name} is no model that can be used: ${message}`, error);
  }
  /** @type {import("./device.js").Device} */ let device;
  try {
    device = await openDevice(wasm, file, exact);
  } catch (error) {
    file.free();
    throw error;
  }
  /** @type {InstanceType<WasmModule["Engine"]> | undefined} */ let engine;
  try {
    const made = (engine = await device.run(() => device.engineFor(file)));
    await device.run(() => compile(device, made, file));
    await device.run(() => made.load(file));
    return new Model(device, made, file, wasm.sampler_parameters().defaults.churn);
  } catch (error) {
    // By the device, which waits for what is under way, and leaves a module alone that has crashed.
    if (engine) device.free(engine);
    device.free(file);
    device.release();
    throw error;
  }
}

/** @param {string} name @param {number} value @param {number} least @param {number} most */
function whole(name, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new NcsnError(
      "bad-option",
      `${name} must be a whole number from ${least} to ${most}, but is ${value}`,
    );
  return value;
}

/** @param {number | bigint | undefined} seed */
function seedOf(seed) {
  if (seed === undefined) return randomSeed();
  const value = typeof seed === "bigint" || Number.isInteger(seed) ? BigInt(seed) : -1n;
  if (value < 0n || value > MAX_SEED)
    throw new NcsnError("bad-option", `seed must be a whole number from 0, but is ${seed}`);
  return value;
}
