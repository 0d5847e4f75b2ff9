// @ts-check
/**
 * How kernels are the fastest on this visitor's GPU: measured once, while nobody
 * waits for anything, and remembered from one visit to the next.
 */

/** How often it is begun where it comes to no end: somebody may just have closed the page. */
const ATTEMPTS = 2;

/** @param {string} adapter @param {string} model */
const key = (adapter, model) => `ncsn tiles: ${adapter}, ${model}`;

/** What was found for a model on an adapter; the engine ignores it where it no longer fits. @param {string} adapter @param {string} model */
export function recall(adapter, model) {
  try {
    return localStorage.getItem(key(adapter, model)) ?? "";
  } catch {
    return ""; // Some visitors allow no storage.
  }
}

/** @param {string} adapter @param {string} model @param {string} found */
function remember(adapter, model, found) {
  try {
    localStorage.setItem(key(adapter, model), found);
  } catch {
    // The next visit measures again.
  }
}

/**
 * Measures in small pieces for as long as the run stays finished, so that whoever starts something
 * waits for one piece at most. The next anneal takes what was found.
 * @param {import("./engine.js").Engine} engine
 * @param {import("./run.js").Run} run
 * @param {number} chains
 * @param {string} adapter
 * @param {string} model
 */
export async function tune(engine, run, chains, adapter, model) {
  const rest = () => new Promise((resolve) => setTimeout(resolve, 50));
  await rest();
  // Until it is over, what stands there is how often it was begun: a GPU that hangs at a kernel takes the page along.
  const before = recall(adapter, model);
  const begun = Number(before) || 0;
  if (begun >= ATTEMPTS) return;
  remember(adapter, model, String(begun + 1));
  let found;
  while (engine.tune && run.state === "finished" && !document.hidden && found === undefined) {
    found = await run.withChain(() => engine.tune?.(chains) ?? Promise.resolve(""));
    await rest();
  }
  remember(adapter, model, found ?? before);
}
