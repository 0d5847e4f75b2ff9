// @ts-check
/** This project's engines: every bundle has the interface of `www/engine.js`. */

/**
 * @param {import("../main.js").EngineOptions & { script: string, wasm: string, model: string }} options
 * @returns {Promise<import("../main.js").Engine>}
 */
export async function load({ script, wasm, model }) {
  const [bundle, bytes] = await Promise.all([
    import(script).then(async (module) => {
      await module.default({ module_or_path: wasm });
      return module;
    }),
    fetch(model).then((answer) => answer.arrayBuffer()),
  ]);
  const engine = await bundle.Engine.create(new Uint8Array(bytes));
  return {
    start: async ({ settings }, seed, batch) => {
      const start = () => engine.start(settings, BigInt(seed), batch);
      let chain = start();
      return {
        // With the sampler's update, which has no entry of its own.
        evaluate: async () => {
          if (chain.progress().done) {
            chain.free();
            chain = start();
          }
          await chain.advance(1);
        },
        advance: (steps) => chain.advance(steps),
        pixels: () => chain.pixels("noisy"),
        free: () => chain.free(),
      };
    },
  };
}
