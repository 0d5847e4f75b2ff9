// @ts-check
/**
 * A worker of the CPU engine, which runs some of the chains in its own thread.
 *
 * It answers messages one after another, in order; `engine/workers.js` is the other end.
 */

/** @typedef {import("./engine.js").Chains} Chains */

/** @type {import("./engine.js").WasmModule} */
let wasmModule;
/** @type {import("./engine.js").WasmEngine} */
let engine;
/** @type {Map<number, Chains>} */
const running = new Map();

/** @param {number} id @returns {Chains} */
function chainsOf(id) {
  const chains = running.get(id);
  if (!chains) throw new Error(`There are no chains ${id}.`);
  return chains;
}

/** @type {Record<string, (message: any) => unknown>} */
const answers = {
  async open({ bundle, module, bytes }) {
    const exports = await import(bundle);
    await exports.default({ module_or_path: module });
    wasmModule = exports;
    const model = new wasmModule.Model(bytes);
    engine = await wasmModule.Engine.create("cpu", model);
    engine.load(model);
    model.free();
  },
  load({ bytes }) {
    const model = new wasmModule.Model(bytes);
    try {
      engine.load(model);
    } finally {
      model.free();
    }
  },
  start({ id, settings, seed, first, count, drawing, strength, options }) {
    const chains = engine.start(settings, seed, first, count, drawing, strength, options);
    running.set(id, chains);
    return chains.progress();
  },
  advance: ({ id, steps }) => chainsOf(id).advance(steps),
  pixels: ({ id, view }) => chainsOf(id).pixels(view),
  values: ({ id, view }) => chainsOf(id).values(view),
  verify: ({ id }) => chainsOf(id).verify(),
  free({ id }) {
    running.get(id)?.free();
    running.delete(id);
  },
};

addEventListener("ncsn-panic", (/** @type {any} */ event) =>
  postMessage({ panic: String(event.detail) }),
);

/** @type {Promise<unknown>} */
let last = Promise.resolve();
addEventListener("message", ({ data }) => {
  last = last.then(async () => {
    try {
      postMessage({ call: data.call, result: await answers[data.ask](data) });
    } catch (error) {
      postMessage({
        call: data.call,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  });
});
