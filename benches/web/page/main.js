// @ts-check
/**
 * Performs the task that the address names, and reports progress in `window.bench`, where the
 * driver looks for it.
 */
import { firstImage } from "./first-image.js";
import { training } from "./training.js";
import { compare, warm } from "./warm.js";

/**
 * One engine of any kind. Every returned promise is awaited and only settles when the work is done,
 * also on the GPU.
 * @typedef {object} Engine
 * @property {(stepTable: StepTable, seed: number, batch: number) => Promise<Run>} start
 *
 * @typedef {object} Run chains under way
 * @property {() => Promise<void>} evaluate one evaluation of the network
 * @property {(steps: number) => Promise<void>} advance steps of the sampler
 * @property {() => Promise<Uint8ClampedArray>} pixels RGBA, one image after the other
 * @property {() => void} free
 *
 * @typedef {object} StepTable a sampler's settings, and the steps that they lead to
 * @property {object} settings
 * @property {{ mean: number, sigma: number }} start
 * @property {{ sigma: number, drift: number, previous: number, noise: number }[]} steps
 *
 * @typedef {object} EngineOptions what `load` of an adapter needs
 * @property {string} name
 * @property {"ncsn" | "onnxruntime" | "jax"} kind the adapter's file
 */

const bench = {
  lines: /** @type {string[]} */ ([]),
  done: false,
  error: "",
  result: /** @type {unknown} */ (null),
};
Object.assign(window, { bench });

// Failures outside of any call, such as in a worker.
addEventListener("error", (event) => {
  bench.error ||= event.message;
});

/** @param {string} line */
const say = (line) => bench.lines.push(line);

try {
  const answer = await fetch(new URLSearchParams(location.search).get("task") ?? "");
  const task = await answer.json();
  const tasks = { "first-image": firstImage, compare, warm, training };
  bench.result = await tasks[/** @type {keyof typeof tasks} */ (task.kind)](task, say);
} catch (error) {
  bench.error = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
}
bench.done = true;
