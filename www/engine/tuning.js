// @ts-check
/**
 * Finds the fastest kernels on this visitor's GPU: measured once, after a run has finished, and remembered across
 * visits. The page fetches this module then.
 */
import { recall, remember } from "../dom/storage.js";

/** After so many pieces that never finished, tuning gives up: a GPU that hangs stops the whole page. */
const ATTEMPTS = 2;

/** A piece that has taken this long when the page is left may be one of those. */
const LONG_MS = 1000;

/** The fewest images to measure with: fewer leave a GPU idle, and say little about many. */
const IMAGES = 16;

/** The engines that are being measured. @type {WeakSet<import("./engine.js").Engine>} */
const measured = new WeakSet();

/**
 * Measures in small pieces while the GPU has nothing else to do, so that a new run waits for at most one piece. The next
 * run uses what was found. An engine that is being measured already is left alone.
 * @param {import("./engine.js").Engine} engine
 * @param {import("../run/run.js").Run} run
 * @param {() => boolean} idle whether nothing else uses the GPU, and the engine is the run's
 * @param {number} chains
 * @param {string} name under which the result is kept
 */
export async function tune(engine, run, idle, chains, name) {
  if (measured.has(engine)) return;
  measured.add(engine);
  try {
    await measure(engine, run, idle, chains, name);
  } finally {
    measured.delete(engine);
  }
}

/** @type {typeof tune} */
async function measure(engine, run, idle, chains, name) {
  const rest = () => new Promise((resolve) => setTimeout(resolve, 50));
  await rest();
  if (Number(recall(name)) >= ATTEMPTS) return;
  let began = 0;
  let before = "";
  const settle = () => {
    began = 0;
    remember(name, before);
  };
  const leave = () => {
    if (began && !run.dead && performance.now() - began < LONG_MS) settle();
  };
  const piece = async () => {
    // That may have changed while the piece waited for its turn.
    if (!idle()) return undefined;
    // Until the piece has finished, it counts as one that failed to.
    before = recall(name);
    began = performance.now();
    remember(name, String((Number(before) || 0) + 1));
    const line = await engine.tune?.(Math.max(chains, IMAGES));
    settle();
    return line;
  };
  addEventListener("pagehide", leave);
  let found;
  try {
    while (idle() && found === undefined) {
      found = await run.withChains(piece);
      await rest();
    }
  } finally {
    removeEventListener("pagehide", leave);
  }
  if (found) remember(name, found);
}
