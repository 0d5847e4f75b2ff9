// @ts-check
/**
 * The CPU engine: workers that share the chains of a run.
 *
 * Chains are independent, so each worker takes some of them and no memory is shared: this works on
 * every host, cross-origin isolated or not. The page fetches this module when it needs it.
 */
import { joined } from "../dom/joined.js";
import { startWorker } from "../dom/own-script.js";
import { within } from "./within.js";

/** @typedef {import("./engine.js").Chains} Chains */
/** @typedef {import("../types.js").Progress} Progress */

const MOST_WORKERS = 8;
/** The most memory for all workers, each of which holds the whole network in f32, and working memory. */
const MOST_BYTES = 1 << 30;
/**
 * How many milliseconds a worker has to start and take the model. Slow machines need ten or twenty seconds, for which
 * all workers compete; some browsers end a worker that gets no memory without a word.
 */
const OPEN_MS = 180_000;
/** How much memory a worker needs per byte of the model file, which may be in f16. */
const BYTES_EACH = 4;

/** A worker, and the calls that wait for its answer. */
class Line {
  #worker;
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */ #waiting =
    new Map();
  #calls = 0;

  /** @param {(text: string) => void} onPanic */
  constructor(onPanic) {
    this.#worker = startWorker("engine/worker.js");
    this.#worker.addEventListener("message", ({ data }) => {
      if (data.panic) return onPanic(data.panic);
      const waiting = this.#waiting.get(data.call);
      this.#waiting.delete(data.call);
      if (data.error !== undefined) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.result);
    });
    this.#worker.addEventListener("error", (event) =>
      onPanic(event.message || "A worker could not be started."),
    );
  }

  /** @param {string} ask @param {object} message @returns {Promise<any>} */
  ask(ask, message) {
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#worker.postMessage({ ...message, ask, call });
    });
  }

  /** @param {string} [why] the reason given to those who wait for an answer */
  close(why = "The worker was stopped.") {
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
  }
}

/**
 * Starts the workers and gives each the model.
 * @param {{ bundle: URL, module: WebAssembly.Module, bytes: Uint8Array, onPanic: (text: string) => void }} options
 *   `module` is the bundle's WebAssembly, compiled once for all.
 * @returns {Promise<import("./engine.js").Engine>}
 */
export async function startWorkers({ bundle, module, bytes, onPanic }) {
  const room = Math.floor(MOST_BYTES / (BYTES_EACH * bytes.length));
  const count = Math.max(1, Math.min(MOST_WORKERS, room, (navigator.hardwareConcurrency || 2) - 1));
  // If a worker does not start, only this engine is given up: there are others.
  let opened = false;
  const lines = Array.from(
    { length: count },
    () => new Line((text) => (opened ? onPanic(text) : close(text))),
  );
  /** @param {string} [why] */
  const close = (why) => lines.forEach((line) => line.close(why));
  try {
    await within(
      Promise.all(lines.map((line) => line.ask("open", { bundle: bundle.href, module, bytes }))),
      OPEN_MS,
      () => new Error(`The CPU’s threads have not started within ${OPEN_MS / 60_000} minutes.`),
    );
    opened = true;
  } catch (error) {
    close();
    throw error;
  }
  let ids = 0;
  /** @type {import("./engine.js").Engine} */
  const engine = {
    name: "cpu",
    device: `${count} CPU ${count === 1 ? "thread" : "threads"}`,
    draws: false,
    attach() {},
    weights: bytes,
    async load(bytes) {
      await Promise.all(lines.map((line) => line.ask("load", { bytes })));
      engine.weights = bytes;
    },
    start: (settings, seed, chains, drawing, strength, options, first = 0) =>
      SharedChains.start(lines.slice(0, chains), ids++, first, chains, {
        settings,
        seed,
        drawing,
        strength,
        options,
      }),
    free: close,
  };
  return engine;
}

/**
 * The chains of a run, with a share for each worker.
 * @implements {Chains}
 */
class SharedChains {
  #id;
  #lines;
  /** @type {Progress} */ #progress;

  /** @param {Line[]} lines @param {number} id @param {Progress} progress */
  constructor(lines, id, progress) {
    this.#lines = lines;
    this.#id = id;
    this.#progress = progress;
  }

  /**
   * @param {Line[]} lines one for each share @param {number} id
   * @param {number} first the number of the first chain @param {number} chains
   * @param {{ settings: import("../types.js").SamplerSettings, seed: bigint, drawing?: Uint8Array, strength?: number, options?: import("../types.js").ChainOptions }} same
   */
  static async start(lines, id, first, chains, same) {
    const share = (/** @type {number} */ i) => Math.round((i * chains) / lines.length);
    const started = lines.map((line, i) =>
      line.ask("start", {
        ...same,
        id,
        first: first + share(i),
        count: share(i + 1) - share(i),
      }),
    );
    try {
      const [progress] = await Promise.all(started);
      return new SharedChains(lines, id, progress);
    } catch (error) {
      // Some workers may have begun.
      Promise.all(lines.map((line) => line.ask("free", { id }))).catch(() => {});
      throw error;
    }
  }

  progress() {
    return this.#progress;
  }

  /** @param {number} steps */
  async advance(steps) {
    const [progress] = await this.#all("advance", { steps });
    return (this.#progress = progress);
  }

  /** @param {import("../types.js").View} view */
  async pixels(view) {
    /** @type {Uint8ClampedArray[]} */
    const parts = await this.#all("pixels", { view });
    return joined(parts, Uint8ClampedArray);
  }

  /** @param {import("../types.js").View} view */
  async values(view) {
    /** @type {Float32Array[]} */
    const parts = await this.#all("values", { view });
    return joined(parts, Float32Array);
  }

  async verify() {
    /** @type {(import("../types.js").Fault | undefined)[]} */
    const faults = await this.#all("verify", {});
    return faults.find(Boolean);
  }

  free() {
    this.#all("free", {}).catch(() => {});
  }

  /** @param {string} ask @param {object} message */
  #all(ask, message) {
    return Promise.all(this.#lines.map((line) => line.ask(ask, { ...message, id: this.#id })));
  }
}
