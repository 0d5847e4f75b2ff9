// @ts-check
/** Which engine runs the model: the one in use, and how others come into use. */
import { createEngine, isEngine, precompile } from "./engine.js";
import { Failure, failureOf, refused } from "../failures/failures.js";
import { canPresent, check, observeDevices, probe } from "./gpu.js";
import { link, modelUrl, state } from "../state/state.js";
import { recall } from "../dom/storage.js";

/** @typedef {import("../types.js").EngineName} EngineName */

/** Under which name the tiles for a model on an adapter are kept. @param {string} adapter @param {string} model */
const tuningKey = (adapter, model) => `ncsn tiles: ${adapter}, ${model}`;

export class EngineChoice {
  /** @type {EngineName | null} the engine in use, or under way */ chosen = null;
  /** @type {Failure | null} why the CPU's engine did not start */ withoutCpu = null;
  /** @type {Promise<import("./gpu.js").Found>} */ adapter;
  /** @type {Promise<import("./engine.js").OnDevice | Failure | undefined> | undefined} the first engine, if it is made before the model is there */
  #precompiled;
  #onFailure;

  /** Looks for a GPU; to be made before anything else asks for one. @param {(failure: Failure) => void} onFailure */
  constructor(onFailure) {
    this.#onFailure = onFailure;
    observeDevices(onFailure);
    this.adapter = probe();
    // Its failure is reported where the adapter is needed.
    this.adapter.catch(() => {});
  }

  /**
   * The engine that the link asks for, or else the GPU's if it is worth it: a software adapter does
   * on the CPU what the CPU's own engine does many times as fast.
   * @returns {Promise<EngineName>}
   */
  async #firstName() {
    const wanted = link.get("engine");
    if (isEngine(wanted)) return wanted;
    const found = await this.adapter.catch(() => null);
    return !found || found.software ? "cpu" : "fused";
  }

  /** @returns {Promise<import("./engine.js").Engine>} */
  async first() {
    const name = await this.#firstName();
    try {
      return await this.make(name);
    } catch (error) {
      if (name === "fused" || name === link.get("engine")) throw error;
      console.warn(error);
      this.withoutCpu = failureOf(error);
      return this.make("fused");
    }
  }

  /**
   * Precompiles the fused engine while the model's weights are on their way, if it is going to be
   * used. If that fails, the whole model is tried again later, and a failure is then reported.
   * @param {Promise<import("./engine.js").WasmModule>} loading @param {Uint8Array} head the first bytes of the model
   */
  precompile(loading, head) {
    this.#precompiled = loading
      .then((wasmModule) => this.#precompile(wasmModule, head))
      .catch((error) => (error instanceof Failure ? error : undefined));
  }

  /** @param {import("./engine.js").WasmModule} wasmModule @param {Uint8Array} head */
  async #precompile(wasmModule, head) {
    if ((await this.#firstName()) !== "fused") return undefined;
    this.chosen = "fused";
    const { name } = await this.adapter;
    await canPresent();
    return precompile(
      wasmModule,
      wasmModule.Model.without_weights(head),
      state.exact,
      recall(tuningKey(name, modelUrl)),
    );
  }

  /** @param {EngineName} name @returns {Promise<import("./engine.js").Engine>} */
  async make(name) {
    if (!state.loaded) throw new Error("Nothing is loaded yet.");
    this.chosen = name;
    let [device, tuning, draws] = ["", "", false];
    /** @type {import("./engine.js").OnDevice | undefined} */
    let precompiled;
    if (name !== "cpu") {
      const found = await this.adapter;
      await check(found, name);
      if (name === "fused") {
        const made = await this.#precompiled;
        if (made instanceof Failure) throw made;
        [precompiled, this.#precompiled] = [made, undefined];
      }
      draws = await canPresent();
      device = found.software ? `${found.name}, in software: slow` : found.name;
      tuning = recall(tuningKey(found.name, modelUrl));
    }
    try {
      return await createEngine(name, {
        ...state.loaded,
        adapter: device,
        exact: state.exact,
        tuning,
        draws,
        precompiled,
        onFailure: this.#onFailure,
      });
    } catch (error) {
      throw failureOf(error, (message) => refused(name, message));
    }
  }

  /**
   * Tunes the GPU's engine, but not on a software adapter: that would take up the visitor's CPU.
   * @param {import("../run/run.js").Run} run which has finished @param {() => number} chains
   */
  async tune(run, chains) {
    const [found, { engine }] = [await this.adapter, state];
    if (!engine?.tune || found.software) return;
    const { tune } = await import("./tuning.js");
    // Other work on the same GPU, or another engine's chains, would be measured as well.
    const idle = () =>
      state.engine === engine && run.state === "finished" && !state.trains() && !document.hidden;
    await tune(engine, run, idle, chains(), tuningKey(found.name, modelUrl));
  }
}
