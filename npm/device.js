// @ts-check
/**
 * The GPU. All models of a precision share one device, and all work on it waits its turn, so that many samplers on one
 * page neither open many devices nor get in each other's way.
 */
import { awaitWork, describe } from "../www/engine/device.js";
import { Queue } from "../www/engine/queue.js";
import { NcsnError, fromWasm, unsupported } from "./errors.js";
import { onStop } from "./wasm-module.js";
import { watchingRequests } from "./watch-requests.js";

/** @typedef {import("./wasm-module.js").WasmModule} WasmModule */

/** @type {Map<boolean, Promise<Device>>} by whether they compute in f32 only */
const devices = new Map();
/** Settles when no device is being opened. @type {Promise<unknown>} */
let opening = Promise.resolve();

/**
 * The device, which is opened if it is not in use yet. Callers must release it.
 * @param {WasmModule} wasm @param {InstanceType<WasmModule["Model"]>} model any that is going to be on it
 * @param {boolean} exact whether to compute in f32 only
 * @returns {Promise<Device>}
 */
export async function openDevice(wasm, model, exact) {
  const known = devices.get(exact);
  const found = known ?? Device.open(wasm, model, exact);
  if (!known) {
    devices.set(exact, found);
    found.catch(() => devices.delete(exact));
  }
  const device = await found;
  if (device.over) return openDevice(wasm, model, exact);
  return device.share();
}

export class Device {
  #root;
  #gpu;
  #exact;
  #users = 0;
  #queue = new Queue(() => {});
  /** What to tell those who wait, if the device is lost or the wasm module stops. @type {Set<(error: NcsnError) => void>} */
  #waiting = new Set();
  /** @type {NcsnError | null} */ #failure = null;
  /** Whether it can no longer be used. */
  over = false;

  /** @param {WasmModule} wasm @param {InstanceType<WasmModule["Model"]>} model @param {boolean} exact */
  static async open(wasm, model, exact) {
    const gpu = /** @type {any} */ (navigator).gpu;
    if (!gpu) throw await unsupported("noWebgpu");
    // One after another, since this looks at what the wasm module asks the browser for.
    const before = opening;
    let done = () => {};
    opening = new Promise((resolve) => (done = () => resolve(undefined)));
    await before;
    try {
      const seen = await watchingRequests(gpu, () => wasm.Engine.create("fused", model, exact));
      return new Device(seen.engine, seen.device, describe(seen.adapter), exact);
    } finally {
      done();
    }
  }

  /**
   * @param {InstanceType<WasmModule["Engine"]>} root an engine without a network, from which all others are made
   * @param {any} gpu GPUDevice @param {{ name: string, software: boolean }} adapter @param {boolean} exact
   */
  constructor(root, gpu, { name, software }, exact) {
    this.#root = root;
    this.#gpu = gpu;
    this.#exact = exact;
    this.name = software ? `${name}, in software` : name;
    this.stopListening = onStop((error) => this.#fail(error));
    gpu.lost.then((/** @type {any} */ { reason, message }) =>
      this.#fail(
        new NcsnError(
          "device-lost",
          `The browser lost its connection to the GPU: a driver restarted, a laptop slept, or one piece of work took too long. Load the model again. (${reason || "unknown"}: ${message})`,
        ),
      ),
    );
  }

  /** GPUDevice, for what the wasm module does not do. */
  get gpu() {
    return this.#gpu;
  }

  share() {
    this.#users += 1;
    return this;
  }

  /** Closes the device when its last user has released it. One that was lost is closed already. */
  release() {
    this.#users -= 1;
    if (this.#users > 0) return;
    if (!this.over) this.#end();
    this.free(this.#root);
  }

  /** Ends it for all its users; the next to ask for a device gets another. @param {NcsnError} error why */
  #fail(error) {
    // `lost` also resolves when this class closes the device.
    if (this.over) return;
    this.#failure = error;
    this.#end();
    for (const reject of this.#waiting) reject(error);
  }

  #end() {
    this.over = true;
    devices.delete(this.#exact);
    this.stopListening();
  }

  /** An engine for a model; its memory is the caller's to free. @param {InstanceType<WasmModule["Model"]>} model */
  engineFor(model) {
    return this.#root.beside(model);
  }

  /**
   * Does some work when it is its turn.
   * @template T
   * @param {() => T | Promise<T>} work
   * @returns {Promise<T>}
   * @throws {NcsnError}
   */
  run(work) {
    return this.#queue.ask(async () => {
      if (this.#failure) throw this.#failure;
      try {
        return await this.#orFail(awaitWork(Promise.resolve(work()), this.#gpu));
      } catch (error) {
        const known = fromWasm(error, "gpu");
        // The wasm module no longer uses a device that ran out of memory: much on it may have none.
        if (known.code === "out-of-memory") {
          this.#fail(known);
          // Its memory is for the next device. Frames are copies and stay.
          this.#gpu.destroy();
        }
        throw this.#failure ?? known;
      }
    });
  }

  /**
   * The result of some work, or the failure of the device: then the work itself may never settle.
   * @template T
   * @param {Promise<T>} work
   * @returns {Promise<T>}
   */
  #orFail(work) {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  /** Frees something of the wasm module's when nothing uses it. @param {{ free(): void }} thing */
  free(thing) {
    this.#queue.add(async () => {
      // After a panic, nothing may touch the module again.
      if (this.#failure?.code !== "crashed") thing.free();
    });
  }
}
