// @ts-check
/** This project's engines, created by the page's own `www/engine/engine.js`. */

/**
 * @param {import("../main.js").EngineOptions & { engine: string, engines: string, script: string, wasm: string, model: string }} options
 * @returns {Promise<import("../main.js").Engine>}
 */
export async function load({ engine: name, engines, script, wasm, model }) {
  const [{ createEngine, observe }, wasmModule, bytes] = await Promise.all([
    import(engines),
    import(script).then(async (module) => {
      await module.default({ module_or_path: wasm });
      return module;
    }),
    fetch(model).then(async (answer) => new Uint8Array(await answer.arrayBuffer())),
  ]);
  observe(reportError);
  const engine = await createEngine(name, {
    wasmModule,
    model: new wasmModule.Model(bytes),
    bytes,
    adapter: "",
    onFailure: reportError,
  });
  return {
    start: async ({ settings }, seed, batch) => {
      // The CPU engine's workers answer later.
      const start = async () => engine.start(settings, BigInt(seed), batch);
      let chain = await start();
      return {
        // Includes the sampler's update, which cannot be called separately.
        evaluate: async () => {
          if (chain.progress().done) {
            chain.free();
            chain = await start();
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
