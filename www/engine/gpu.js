// @ts-check
/**
 * The GPU, before and around the wasm module.
 *
 * The page first looks at it in JavaScript, where each lack can get its own message. It observes
 * what an engine asks for, by wrapping `GPU.prototype.requestAdapter` and
 * `GPUAdapter.prototype.requestDevice`.
 */
import { awaitWork, describe, describeItself, deviceInTime, lowLimit } from "./device.js";
import { Failure, deviceLost, unsupported, outOfMemory, refused } from "../failures/failures.js";
import { presents } from "./canvas-probe.js";
import { replaceInternalErrors } from "./internal-errors.js";
import { GPU_ANSWER_MS, within } from "./within.js";

/** @typedef {{ name: string, software: boolean, adapter: any }} Found */

const OPTIONS = { powerPreference: "high-performance" };

/**
 * Looks for an adapter; to be called after `observeDevices`.
 * @returns {Promise<Found>}
 * @throws {Failure} saying what is missing
 */
export async function probe() {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) throw await unsupported("noWebgpu");
  let adapter;
  try {
    adapter = await gpu.requestAdapter(OPTIONS);
  } catch (error) {
    throw error instanceof Failure ? error : await unsupported("noAdapter", String(error));
  }
  if (!adapter) throw await unsupported("noAdapter", navigator.userAgent);
  return { ...describe(adapter), adapter };
}

/**
 * Checks that an adapter has what an engine needs.
 * @param {Found} found
 * @param {import("../types.js").EngineName} engine
 * @throws {Failure} naming the feature or the limit
 */
export async function check({ name, adapter }, engine) {
  // Burn's runtime times kernels, and panics if it cannot.
  const feature = "timestamp-query";
  if (engine === "reference" && !adapter.features.has(feature))
    throw await unsupported("missingFeature", feature, name);
  const lack = lowLimit(adapter);
  if (lack) throw await unsupported("limitTooLow", ...lack, name);
}

/** @type {any} the GPUDevice that was granted last */
let granted;

/**
 * Makes something of the wasm module's that asks for a device, and finds out which it got: the module does not tell.
 * @template T
 * @param {(device: () => any) => Promise<T>} make is given what returns the GPUDevice, once it has asked for one
 * @returns {Promise<{ made: T, device: any }>} with the GPUDevice, if it has asked for one
 */
export async function withItsDevice(make) {
  granted = undefined;
  const device = () => granted;
  const made = await awaitWork(make(device), device);
  return { made, device: granted };
}

/** @type {Error | undefined} why the latest request for a device was in vain */
let refusal;

/** Why an engine got no device, if it got none: the message of wgpu is one for developers. */
export const whyNoDevice = () => refusal;

/** What the browser itself offers. @type {(this: any, ...options: unknown[]) => Promise<any>} */
let requestDevice;

/**
 * Whether an engine can draw into a canvas. Must settle before there is a device to keep: see `engine/canvas-probe.js`.
 * @throws {Failure} if the browser does not answer
 */
export const canPresent = () =>
  presents(async () => {
    const adapter = await /** @type {any} */ (navigator).gpu.requestAdapter(OPTIONS);
    return deviceInTime(requestDevice.call(adapter), late("device"));
  }, late("frame")).catch((error) => {
    if (error instanceof Failure) throw error;
    // The engine asks for a device, too, and says what is wrong.
    return true;
  });

/** @param {string} what */
const late = (what) => () => unsupported("noAnswer", what, GPU_ANSWER_MS / 1000);

/** @type {((failure: Failure) => void) | null} */
let diverted = null;

/**
 * Reports failures of devices that are created from now on to the given function instead, until the next call.
 * @param {((failure: Failure) => void) | null} onFailure
 */
export const divertFailures = (onFailure) => (diverted = onFailure);

/**
 * Watches every device created from now on.
 * @param {(failure: Failure) => void} onFailure
 */
export function observeDevices(onFailure) {
  const [gpu, prototype] = ["GPU", "GPUAdapter"].map(
    (name) => /** @type {any} */ (globalThis)[name]?.prototype,
  );
  if (!gpu || !prototype) return;
  const { requestAdapter } = gpu;
  ({ requestDevice } = prototype);

  /** @this {any} @param {unknown[]} options */
  gpu.requestAdapter = function (...options) {
    const found = requestAdapter.apply(this, options).then(async (/** @type {any} */ adapter) => {
      await describeItself(adapter);
      return adapter;
    });
    return within(found, GPU_ANSWER_MS, late("adapter"));
  };

  /** @this {any} @param {unknown[]} options */
  prototype.requestDevice = async function (...options) {
    refusal = undefined;
    const device = await deviceInTime(requestDevice.apply(this, options), late("device")).catch(
      (/** @type {any} */ error) => {
        throw (refusal =
          error instanceof Failure
            ? error
            : new Error(`The browser grants no device of this GPU: ${error?.message ?? error}`));
      },
    );
    const report = diverted ?? onFailure;
    granted = device;
    replaceInternalErrors(device);
    // An engine that is no longer needed destroys its device; other code must not.
    let released = false;
    const { destroy } = device;
    device.destroy = () => {
      released = true;
      destroy.call(device);
    };
    if (!device.adapterInfo) Object.defineProperty(device, "adapterInfo", { value: this.info });
    device.lost.then((/** @type {any} */ info) => {
      if (!released) report(deviceLost(info.reason, info.message));
    });
    device.addEventListener("uncapturederror", (/** @type {any} */ event) => {
      const { name } = event.error.constructor;
      const text = `${name}: ${event.error.message}`;
      // All other errors are kernels that this browser refuses.
      report(name === "GPUOutOfMemoryError" ? outOfMemory(text) : refused("fused", text));
    });
    return device;
  };
}
