// @ts-check
/**
 * The GPU, before and around the wasm module.
 *
 * The page first looks at it in JavaScript, where each lack can get its own message. It observes
 * what an engine asks for, by wrapping `GPU.prototype.requestAdapter` and
 * `GPUAdapter.prototype.requestDevice`.
 */
import { Failure, deviceLost, unsupported, outOfMemory, refused } from "./failures.js";
import { presents } from "./presents.js";
import { GPU_ANSWER_MS, within } from "./within.js";

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
  const software =
    Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter) ||
    /swiftshader|llvmpipe|lavapipe|basic render/i.test(all);
  return { name: name === words || !words ? name : `${name} (${words})`, software };
}

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
 * @param {import("./engine.js").EngineName} engine
 * @throws {Failure} naming the feature or the limit
 */
export async function check({ name, adapter }, engine) {
  // Burn's runtime times kernels, and panics if it cannot.
  const feature = "timestamp-query";
  if (engine === "reference" && !adapter.features.has(feature))
    throw await unsupported("missingFeature", feature, name);
  for (const [limit, needs] of Object.entries(LIMITS)) {
    const has = adapter.limits[limit];
    if (has !== undefined && has < needs)
      throw await unsupported("limitTooLow", limit, has, needs, name);
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
  const timer =
    / Firefox/.test(navigator.userAgent) && setInterval(() => latest?.queue.submit([]), 4);
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
  else
    latest.kernels = await Promise.allSettled(
      Array.from(new Set(engine.kernels?.(model)), (code) => {
        const entries = Array.from(
          code.matchAll(/var<(uniform|storage, read(_write)?)>/g),
          ([, kind, writes], binding) => ({
            binding,
            visibility: 4, // compute
            buffer:
              kind === "uniform"
                ? { hasDynamicOffset: true }
                : { type: writes ? "storage" : "read-only-storage" },
          }),
        );
        const layout = latest.createPipelineLayout({
          bindGroupLayouts: [latest.createBindGroupLayout({ entries })],
        });
        return latest.createComputePipelineAsync({
          layout,
          compute: { module: latest.createShaderModule({ code }) },
        });
      }),
    );
}

/** @type {Error | undefined} why the latest request for a device was in vain */
let refusal;

/** Why an engine got no device, if so: wgpu passes on a text for developers. */
export const whyNoDevice = () => refusal;

/** What the browser itself offers. @type {(this: any, ...options: unknown[]) => Promise<any>} */
let requestDevice;

/**
 * Whether an engine can draw into a canvas. Must settle before there is a device to keep: see `presents.js`.
 * @throws {Failure} if the browser does not answer
 */
export const canPresent = () =>
  presents(async () => {
    const adapter = await /** @type {any} */ (navigator).gpu.requestAdapter(OPTIONS);
    return within(requestDevice.call(adapter), GPU_ANSWER_MS, late("device"));
  }).catch((error) => {
    if (error instanceof Failure) throw error;
    // The engine asks for a device, too, and says what is wrong.
    return true;
  });

/** @param {string} what */
const late = (what) => () => unsupported("noAnswer", what, GPU_ANSWER_MS / 1000);

/**
 * Gives an adapter the property that browsers did not have at first (Chrome before 127).
 * @param {any} adapter GPUAdapter
 */
async function describeItself(adapter) {
  if (!adapter || adapter.info) return;
  const {
    vendor = "",
    architecture = "",
    device = "",
    description = "",
  } = (await adapter.requestAdapterInfo?.().catch(() => null)) ?? {};
  // Of subgroups nothing is known; these are the limits of what WebGPU allows.
  const info = {
    vendor,
    architecture,
    device,
    description,
    isFallbackAdapter: Boolean(adapter.isFallbackAdapter),
    subgroupMinSize: 4,
    subgroupMaxSize: 128,
  };
  Object.defineProperty(adapter, "info", { value: info });
}

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
    const device = await within(
      requestDevice.apply(this, options),
      GPU_ANSWER_MS,
      late("device"),
    ).catch((/** @type {any} */ error) => {
      throw (refusal =
        error instanceof Failure
          ? error
          : new Error(`The browser grants no device of this GPU: ${error?.message ?? error}`));
    });
    latest = device;
    // An engine that is no longer needed destroys its device; nobody else should.
    let released = false;
    const { destroy } = device;
    device.destroy = () => {
      released = true;
      destroy.call(device);
    };
    if (!device.adapterInfo) Object.defineProperty(device, "adapterInfo", { value: this.info });
    device.lost.then((/** @type {any} */ info) => {
      if (!released) onFailure(deviceLost(info.reason, info.message));
    });
    device.addEventListener("uncapturederror", (/** @type {any} */ event) => {
      const { name } = event.error.constructor;
      const text = `${name}: ${event.error.message}`;
      // All other errors are kernels that this browser refuses.
      onFailure(name === "GPUOutOfMemoryError" ? outOfMemory(text) : refused("fused", text));
    });
    return device;
  };
}
