// @ts-check
/**
 * The GPU, before and around the program.
 *
 * The page first looks at it in JavaScript, where each lack can get its own message. It observes
 * the device that an engine creates, by wrapping `GPUAdapter.prototype.requestDevice`.
 */
import { Failure, deviceLost, lacking, outOfMemory, refused } from "./failures.js";

/**
 * WebGPU's default limits, which every full adapter has, but perhaps not one in compatibility mode.
 * Larger needs depend on the model and are found by the engine.
 * @type {Record<string, number>}
 */
const LIMITS = {
  maxStorageBufferBindingSize: 128 * 1024 * 1024,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65535,
};

/**
 * The features that an engine needs. Burn's runtime times kernels with timestamps and panics
 * without them.
 * @type {Record<import("./engine.js").EngineName, string[]>}
 */
const FEATURES = { fused: [], reference: ["timestamp-query"], cpu: [] };

/**
 * A name for people, from what the browser is willing to tell.
 * @param {any} adapter GPUAdapter
 * @returns {{ name: string, software: boolean }}
 */
export function describe(adapter) {
  const info = adapter.info ?? {};
  const words = [info.vendor, info.architecture].filter(Boolean).join(" ");
  const name = info.description || info.device || words || "an unnamed GPU";
  const all = `${name} ${words}`;
  const software = Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter) || /swiftshader|llvmpipe|lavapipe|basic render/i.test(all);
  return { name: name === words || !words ? name : `${name} (${words})`, software };
}

/** @typedef {{ name: string, software: boolean, adapter: any }} Found */

/**
 * Looks for an adapter.
 * @returns {Promise<Found>}
 * @throws {Failure} saying what is missing
 */
export async function probe() {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) throw await lacking("noWebgpu");
  let adapter;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    throw await lacking("noAdapter", String(error));
  }
  if (!adapter) throw await lacking("noAdapter", navigator.userAgent);
  return { ...describe(adapter), adapter };
}

/**
 * Checks that an adapter has what an engine needs.
 * @param {Found} found
 * @param {import("./engine.js").EngineName} engine
 * @throws {Failure} naming the feature or the limit
 */
export async function check({ name, adapter }, engine) {
  for (const feature of FEATURES[engine]) {
    if (!adapter.features.has(feature)) throw await lacking("missingFeature", feature, name);
  }
  for (const [limit, needs] of Object.entries(LIMITS)) {
    const has = adapter.limits[limit];
    if (has !== undefined && has < needs) throw await lacking("limitTooLow", limit, has, needs, name);
  }
}

/** @type {any} the latest GPUDevice */
let latest;

/**
 * Waits for work on the GPU. Firefox only checks ten times a second whether it is done, and
 * additionally whenever something is submitted, even an empty list.
 * @template T
 * @param {Promise<T>} work
 */
export async function watched(work) {
  const timer = / Firefox/.test(navigator.userAgent) && setInterval(() => latest?.queue.submit([]), 4);
  try {
    return await work;
  } finally {
    if (timer) clearInterval(timer);
  }
}

/**
 * Watches every device created from now on.
 * @param {(failure: Failure) => void} onFailure
 */
export function observeDevices(onFailure) {
  const prototype = /** @type {any} */ (globalThis).GPUAdapter?.prototype;
  if (!prototype) return;
  const original = prototype.requestDevice;
  /** @this {any} @param {unknown[]} options */
  prototype.requestDevice = async function (...options) {
    const device = (latest = await original.apply(this, options));
    device.lost.then((/** @type {any} */ info) => {
      if (info.reason !== "destroyed") onFailure(deviceLost(info.reason, info.message));
    });
    device.addEventListener("uncapturederror", (/** @type {any} */ event) => {
      const { constructor, message } = event.error;
      const text = `${constructor.name}: ${message}`;
      // All other errors are kernels that this browser refuses.
      onFailure(constructor.name === "GPUOutOfMemoryError" ? outOfMemory(text) : refused("fused", text));
    });
    return device;
  };
}
