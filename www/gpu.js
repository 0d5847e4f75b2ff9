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
  // Burn's runtime times kernels, and panics if it cannot.
  const feature = "timestamp-query";
  if (engine === "reference" && !adapter.features.has(feature)) throw await lacking("missingFeature", feature, name);
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
 * Compiles the kernels of an engine on the latest device. wgpu asks for one after the other.
 * Browsers made of Chromium, which have a property that others lack, compile side by side if asked
 * otherwise, and know what they have compiled while somebody keeps it: here, the device.
 * @param {import("./engine.js").WasmEngine} engine @param {import("./engine.js").Model} model
 */
export async function compileKernels(engine, model) {
  if (!latest || !("userAgentData" in navigator)) engine.compile?.(model);
  else latest.kernels = await Promise.allSettled(Array.from(new Set(engine.kernels?.(model)), (code) => {
    const entries = Array.from(code.matchAll(/var<(uniform|storage, read(_write)?)>/g), ([, kind, writes], binding) => ({
      binding,
      visibility: 4, // compute
      buffer: kind === "uniform" ? { hasDynamicOffset: true } : { type: writes ? "storage" : "read-only-storage" },
    }));
    const layout = latest.createPipelineLayout({ bindGroupLayouts: [latest.createBindGroupLayout({ entries })] });
    return latest.createComputePipelineAsync({ layout, compute: { module: latest.createShaderModule({ code }) } });
  }));
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
