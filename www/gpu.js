// @ts-check
/**
 * The GPU, before and around the program.
 *
 * Burn asks for its own adapter and device and panics when something that it
 * relies on is not there. So the page looks first, in JavaScript, where each
 * lack can get its own message, and observes the device that Burn makes by
 * wrapping `GPUAdapter.prototype.requestDevice`.
 */
import * as failures from "./failures.js";

/** Burn's runtime measures kernels with timestamps and panics without them. */
const REQUIRED_FEATURES = ["timestamp-query"];

/**
 * Burn's kernels count on WebGPU's default limits, which every full adapter
 * has; one in compatibility mode may have less.
 * @type {Record<string, number>}
 */
const REQUIRED_LIMITS = {
  maxStorageBufferBindingSize: 128 * 1024 * 1024,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65535,
};

/**
 * A name for people, from what the browser is willing to tell.
 * @param {any} adapter GPUAdapter
 * @returns {{ name: string, software: boolean }}
 */
export function describe(adapter) {
  const info = adapter.info ?? {};
  const words = [info.vendor, info.architecture].filter(Boolean).join(" ");
  const name = info.description || info.device || words || "unnamed adapter";
  const all = `${name} ${words}`;
  const software = Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter) || /swiftshader|llvmpipe|lavapipe|basic render/i.test(all);
  return { name: name === words || !words ? name : `${name} (${words})`, software };
}

/**
 * Looks for an adapter that can run the network.
 * @returns {Promise<{ name: string, software: boolean }>}
 * @throws {failures.Failure} saying what is missing
 */
export async function probe() {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) throw failures.noWebgpu();
  let adapter;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    throw failures.noAdapter(String(error));
  }
  if (!adapter) throw failures.noAdapter(navigator.userAgent);
  const found = describe(adapter);
  for (const feature of REQUIRED_FEATURES) {
    if (!adapter.features.has(feature)) throw failures.missingFeature(feature, found.name);
  }
  for (const [limit, needs] of Object.entries(REQUIRED_LIMITS)) {
    const has = adapter.limits[limit];
    if (has !== undefined && has < needs) throw failures.limitTooLow(limit, has, needs, found.name);
  }
  return found;
}

/**
 * Watches every device that is made from now on.
 * @param {{ onAdapter: (found: { name: string, software: boolean }) => void, onFailure: (failure: failures.Failure) => void }} observer
 */
export function observeDevices({ onAdapter, onFailure }) {
  const prototype = /** @type {any} */ (globalThis).GPUAdapter?.prototype;
  if (!prototype) return;
  const original = prototype.requestDevice;
  /** @this {any} @param {unknown[]} options */
  prototype.requestDevice = async function (...options) {
    const device = await original.apply(this, options);
    onAdapter(describe(this));
    device.lost.then((/** @type {any} */ info) => {
      if (info.reason !== "destroyed") onFailure(failures.deviceLost(info.reason, info.message));
    });
    device.addEventListener("uncapturederror", (/** @type {any} */ event) => {
      const { error } = event;
      const text = `${error.constructor.name}: ${error.message}`;
      onFailure(error.constructor.name === "GPUOutOfMemoryError" ? failures.outOfMemory(text) : failures.panic(text));
    });
    return device;
  };
}
