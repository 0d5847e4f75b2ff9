// @ts-check
/** From an address to a model that is ready. */
import { compileOn } from "../www/engine/device.js";
import { openDevice } from "./device.js";
import { sourceOf } from "./fetch-model.js";
import { ensureKnown } from "./known.js";
import { createModel } from "./model.js";
import { startWasmModule } from "./wasm-module.js";

/** @type {Record<keyof import("./types.js").LoadOptions, true>} */
const OPTIONS = { signal: true, onProgress: true, hub: true, precision: true, wasm: true };

/**
 * @param {import("./types.js").ModelSource} source @param {import("./types.js").LoadOptions} [options]
 * @returns {Promise<import("./model.js").Model>}
 */
export async function loadModel(source, options = {}) {
  ensureKnown(options, OPTIONS, "option of loadModel");
  const { signal } = options;
  signal?.throwIfAborted();
  const exact = options.precision === "f32";
  const file = sourceOf(source, options);
  const starting = startWasmModule(options.wasm);
  /** @type {Promise<import("./device.js").Device | undefined> | undefined} */
  let opening;
  // Opening a device takes a while, in which most of the file is still to come.
  const onHead = (/** @type {Uint8Array} */ head) => {
    opening = starting.then((wasm) => openEarly(wasm, head, exact));
    opening.catch(() => {});
  };
  try {
    const [wasm, bytes] = await Promise.all([starting, file.read(onHead)]);
    // If no device could be opened, reject with that reason: a later error would say less.
    await opening;
    signal?.throwIfAborted();
    const model = await createModel(wasm, bytes, file.name, exact, (device, engine, model) =>
      compileOn(device.gpu, engine, model),
    );
    if (signal?.aborted) model.dispose();
    signal?.throwIfAborted();
    await file.keep();
    return model;
  } finally {
    opening?.then((device) => device?.release()).catch(() => {});
  }
}

/**
 * Opens the device with the first bytes of a model, if they are enough.
 * @param {import("./wasm-module.js").WasmModule} wasm @param {Uint8Array} head @param {boolean} exact
 */
async function openEarly(wasm, head, exact) {
  let model;
  try {
    model = wasm.Model.without_weights(head);
  } catch {
    return undefined;
  }
  try {
    return await openDevice(wasm, model, exact);
  } finally {
    model.free();
  }
}
