// @ts-check
/** What adapters and devices report, and what some browsers need to use them well. The page and the npm package share it. */
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
 * What an adapter has too little of, if anything: the limit, what it is and what it should be.
 * @param {any} adapter GPUAdapter
 * @returns {[string, number, number] | undefined}
 */
export function lowLimit(adapter) {
  for (const [limit, needs] of Object.entries(LIMITS)) {
    const has = adapter.limits[limit];
    if (has !== undefined && has < needs) return [limit, has, needs];
  }
}

/**
 * A name for people, from what the browser reports.
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

/**
 * Gives an adapter the property that browsers did not have at first (Chrome before 127).
 * @param {any} adapter GPUAdapter
 */
export async function describeItself(adapter) {
  if (!adapter || adapter.info) return;
  const {
    vendor = "",
    architecture = "",
    device = "",
    description = "",
  } = (await adapter.requestAdapterInfo?.().catch(() => null)) ?? {};
  // The sizes of subgroups are not known; these are the limits that WebGPU sets.
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
 * A device, or a rejection if the browser takes too long. A device that comes later is destroyed: nothing uses it any more.
 * @param {Promise<any>} request for a GPUDevice @param {() => Promise<Error> | Error} late makes the reason of the rejection
 */
export function deviceInTime(request, late) {
  return within(request, GPU_ANSWER_MS, late).catch((error) => {
    request.then(
      (device) => device.destroy(),
      () => {},
    );
    throw error;
  });
}

/**
 * Waits for work on a device. Firefox only checks ten times a second whether it is done, and
 * additionally whenever something is submitted, even an empty list.
 * @template T
 * @param {Promise<T>} work
 * @param {any} device GPUDevice, or a function that returns it once there is one
 */
export async function awaitWork(work, device) {
  const submit = () => (typeof device === "function" ? device() : device)?.queue.submit([]);
  const timer = / Firefox/.test(navigator.userAgent) && setInterval(submit, 4);
  try {
    return await work;
  } finally {
    if (timer) clearInterval(timer);
  }
}

/**
 * An engine that has kernels.
 * @template Model
 * @typedef {{ kernels?(model: Model): string[], compile?(model: Model): void }} Compiles
 */

/**
 * Whether the browser compiles kernels in parallel when asked asynchronously, and reuses what it has compiled for as long
 * as something refers to it. Those made of Chromium do, which `userAgentData` tells from others.
 */
export const reusesKernels = () => "userAgentData" in navigator;

/**
 * Compiles the kernels of an engine on its device.
 * @template Model
 * @param {any} device GPUDevice, if it is known @param {Compiles<Model>} engine @param {Model} model
 */
export async function compileOn(device, engine, model) {
  if (!device || !reusesKernels()) engine.compile?.(model);
  else await compileTexts(device, engine.kernels?.(model));
}

/**
 * Compiles kernels on a device, which refers to them from then on. wgpu compiles one after the other.
 * @param {any} device GPUDevice @param {string[]} [texts] their WGSL
 */
export async function compileTexts(device, texts) {
  device.kernels = await Promise.allSettled(
    Array.from(new Set(texts), (code) => {
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
      const layout = device.createPipelineLayout({
        bindGroupLayouts: [device.createBindGroupLayout({ entries })],
      });
      return device.createComputePipelineAsync({
        layout,
        compute: { module: device.createShaderModule({ code }) },
      });
    }),
  );
}
