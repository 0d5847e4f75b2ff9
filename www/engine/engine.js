// @ts-check
/**
 * The engines, which run the network. Each is a bundle of the same wasm module with a different
 * backend, so all have the same interface, and the same seed gives the same images on each.
 *
 * - `fused`: hand-written WGSL kernels; part of the page.
 * - `cpu`: for browsers without a usable GPU; runs in workers.
 * - `reference`: Burn's own WebGPU kernels, which the fused ones must agree with.
 */
import { isTrap, notImported, panic } from "../failures/failures.js";
import { awaitWork, compileOn } from "./device.js";
import { observeDevices, whyNoDevice, withItsDevice } from "./gpu.js";

/** @typedef {import("../failures/failures.js").Failure} Failure */
/** @typedef {import("../types.js").EngineName} EngineName */
/** @typedef {import("../types.js").SamplerSettings} SamplerSettings */
/** @typedef {import("../types.js").SamplerName} SamplerName */
/** @typedef {import("../types.js").SamplerParameters} SamplerParameters */
/** @typedef {import("../types.js").Card} Card */
/** @typedef {import("../types.js").ChainOptions} ChainOptions */
/** @typedef {import("../types.js").Progress} Progress */
/** @typedef {import("../types.js").Fault} Fault */
/** @typedef {import("../types.js").View} View */
/**
 * Running chains. No method but `progress` may be called before the last call has settled.
 * @typedef {object} Chains
 * @property {() => Progress} progress
 * @property {(steps: number) => Promise<Progress>} advance
 * @property {(view: View) => Promise<Uint8ClampedArray>} pixels RGBA, chains × height × width × 4
 * @property {(view: View) => Promise<Float32Array>} values the same as numbers, chains × channels × height × width
 * @property {() => Promise<Fault | undefined>} verify says what is wrong if the images cannot be right
 * @property {(view: View, columns: number, gap: number) => void} [render] draws into the canvas that the engine is attached to
 * @property {() => void} free
 */
/**
 * A model on a device.
 * @typedef {object} Engine
 * @property {EngineName} name
 * @property {string} device what it runs on, for people
 * @property {boolean} draws whether it draws into a canvas by itself
 * @property {(canvas: HTMLCanvasElement) => void} attach for one that draws, before anything else
 * @property {(settings: SamplerSettings, seed: bigint, chains: number, drawing?: Uint8Array, strength?: number, options?: ChainOptions, first?: number) => Chains | Promise<Chains>} start the chains from number `first` on, which is 0 unless given
 * @property {(bytes: Uint8Array) => Promise<void>} load other weights for the next chains, of a network of the same architecture
 * @property {Uint8Array} weights the model file whose weights it has
 * @property {(chains: number) => Promise<string | undefined>} [tune] see `engine/tuning.js`
 * @property {() => void} free
 */
/**
 * A model file, read and checked. It needs no device, and an engine made from it no longer needs
 * it.
 * @typedef {object} Model
 * @property {() => void} free
 * @property {() => Card} card
 * @property {() => number} default_strength for a drawing, from 0 to 1
 * @property {(sampler: SamplerName, sigma_max?: number, sigma_min?: number) => SamplerSettings} settings_for another sampler than the card's, with the ends that the network was trained for
 * @property {(settings: SamplerSettings, strength?: number) => Float32Array} schedule σ of every step
 */
/**
 * The exports of a bundle.
 * @typedef {object} WasmModule
 * @property {{ new (bytes: Uint8Array): Model, without_weights(head: Uint8Array): Model }} Model
 * @property {() => SamplerParameters} sampler_parameters
 * @property {{ create(name: EngineName, model: Model, exact?: boolean, tuning?: string): Promise<WasmEngine> }} Engine
 */
/**
 * @typedef {object} WasmEngine
 * @property {(canvas: HTMLCanvasElement) => void} [attach]
 * @property {(chains: number) => Promise<string | undefined>} [tune]
 * @property {(model: Model) => string[]} [kernels]
 * @property {(model: Model) => void} [compile]
 * @property {(model: Model) => void} load
 * @property {() => string} precision
 * @property {(settings: SamplerSettings, seed: bigint, first: number, chains: number, drawing?: Uint8Array, strength?: number, options?: ChainOptions) => Chains} start
 * @property {() => void} free
 */

/** An engine of the wasm module, and the GPUDevice that it uses. @typedef {{ engine: WasmEngine, device: any }} OnDevice */

/** @type {readonly (string | null)[]} */
const ENGINES = ["fused", "cpu", "reference"];

/** To be called before engines are created, by programs that use them without the page. */
export const observe = observeDevices;

/** @param {string | null} name @returns {name is EngineName} */
export const isEngine = (name) => ENGINES.includes(name);

/** How many milliseconds to wait for the answer whether there is an engine. */
const ANSWER_MS = 1500;

/**
 * Whether this copy of the page has an engine. What its server has not denied in time may be there: a connection can be
 * slow, or have broken off.
 * @param {EngineName} name
 */
export async function hasEngine(name) {
  if (name === "fused") return true;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ANSWER_MS);
  try {
    const answer = await fetch(bundle(name), { signal: stop.signal });
    // Some servers answer with a page if there is no such file.
    return answer.ok && /javascript/.test(answer.headers.get("content-type") ?? "");
  } catch {
    return true;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

/** The location of a bundle that is not part of the page. @param {EngineName} name */
const bundle = (name) => new URL(`../engines/${name}/ncsn.js`, import.meta.url);

/**
 * Says why a script of this folder was not imported.
 * @param {string} script @returns {(error: unknown) => Promise<never>}
 */
const notArrived = (script) => async (error) => {
  throw await notImported(new URL(script, import.meta.url).href, error, "engine’s script");
};

/** What fetches bundles that are not part of the page. */
const bundles = () => import("./bundles.js").catch(notArrived("./bundles.js"));

/**
 * Puts a model on a device.
 * @param {EngineName} name
 * @param {{ wasmModule: WasmModule, model: Model, bytes: Uint8Array, adapter: string, exact?: boolean, tuning?: string, draws?: boolean, precompiled?: OnDevice, onFailure: (failure: Failure) => void }} page
 *   `bytes` is the model file, `adapter` the GPU's name; `exact` asks the fused engine for f32 everywhere,
 *   `tuning` is what its `tune` found earlier, `draws` whether it may draw into a canvas, and `precompiled` is that
 *   engine if it was made beforehand.
 * @returns {Promise<Engine>}
 * @throws {Failure} if the bundle is missing; `Error` if the device or the model is unsuitable
 */
export async function createEngine(
  name,
  { wasmModule, model, bytes, adapter, exact, tuning, draws = true, precompiled, onFailure },
) {
  switch (name) {
    case "fused":
      return onPage(
        name,
        precompiled ?? (await precompile(wasmModule, model, exact, tuning)),
        { wasmModule, model, bytes },
        adapter,
        draws,
      );
    case "reference": {
      const { load } = await bundles();
      /** @type {WasmModule} */
      const own = await load(name);
      const model = new own.Model(bytes);
      try {
        const { made: engine, device } = await withItsDevice(() => own.Engine.create(name, model));
        return onPage(name, { engine, device }, { wasmModule: own, model, bytes }, adapter, false);
      } finally {
        model.free();
      }
    }
    case "cpu": {
      const [module, { startWorkers }] = await Promise.all([
        bundles().then(({ compile }) => compile(name)),
        import("./workers.js").catch(notArrived("./workers.js")),
      ]);
      return startWorkers({
        bundle: bundle(name),
        module,
        bytes,
        onPanic: (text) => onFailure(panic(text)),
      });
    }
  }
}

/**
 * The fused engine, for a model whose weights may still be on their way: the GPU has been tested, and
 * the kernels are compiled.
 * @param {WasmModule} wasmModule @param {Model} model @param {boolean} [exact] @param {string} [tuning]
 * @returns {Promise<OnDevice>}
 */
export async function precompile({ Engine }, model, exact, tuning) {
  const create = () => Engine.create("fused", model, exact, tuning);
  const { made: engine, device } = await withItsDevice(create).catch((error) => {
    throw whyNoDevice() ?? error;
  });
  try {
    await compileOn(device, engine, model);
  } catch (error) {
    discard(engine, error);
    throw error;
  }
  return { engine, device };
}

/**
 * Gives back the memory and the device of an engine that cannot be used, unless the wasm module itself has stopped: then
 * nothing may touch it again.
 * @param {WasmEngine} engine @param {unknown} error why it cannot be used
 */
function discard(engine, error) {
  if (!isTrap(error)) engine.free();
}

/**
 * @param {EngineName} name @param {OnDevice} onDevice
 * @param {{ wasmModule: WasmModule, model: Model, bytes: Uint8Array }} first what it runs at first, in its own module
 * @param {string} adapter the GPU's name @param {boolean} draws
 * @returns {Engine}
 */
function onPage(name, { engine, device }, { wasmModule, model, bytes }, adapter, draws) {
  try {
    engine.load(model);
  } catch (error) {
    discard(engine, error);
    throw error;
  }
  const tunes = name === "fused";
  /** @template T @param {Promise<T>} work */
  const finished = (work) => awaitWork(work, device);
  /** @type {Engine} */
  const usable = {
    name,
    device: tunes ? `${adapter}, ${engine.precision()}` : adapter,
    draws,
    attach: (canvas) => engine.attach?.(canvas),
    weights: bytes,
    async load(bytes) {
      const other = new wasmModule.Model(bytes);
      try {
        engine.load(other);
      } finally {
        other.free();
      }
      usable.weights = bytes;
    },
    start(settings, seed, chains, drawing, strength, options, first = 0) {
      const started = engine.start(settings, seed, first, chains, drawing, strength, options);
      return {
        progress: () => started.progress(),
        advance: (steps) => finished(started.advance(steps)),
        pixels: (view) => finished(started.pixels(view)),
        values: (view) => finished(started.values(view)),
        verify: () => finished(started.verify()),
        render: draws ? (view, columns, gap) => started.render?.(view, columns, gap) : undefined,
        free: () => started.free(),
      };
    },
    tune: tunes ? (chains) => finished(engine.tune?.(chains) ?? Promise.resolve("")) : undefined,
    free: () => engine.free(),
  };
  return usable;
}
