// @ts-check
/** Loads an engine with the adapter of its kind. */

/**
 * @param {import("./main.js").EngineOptions} options
 * @returns {Promise<import("./main.js").Engine>}
 */
export async function load(options) {
  const adapter = await import(`./engines/${options.kind}.js`);
  return adapter.load(options);
}

/** @param {() => Promise<unknown>} work @returns {Promise<number>} milliseconds */
export async function time(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
