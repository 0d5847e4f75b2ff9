// @ts-check
/**
 * What a visitor waits for: the time from navigation until an engine is ready, until its first
 * evaluation is done, and until the first image is finished.
 */
import { load } from "./load.js";

/**
 * @param {{ engine: import("./main.js").EngineOptions, stepTable: import("./main.js").StepTable, batch: number, seed: number, budget: number }} task
 *   `budget` in milliseconds
 * @param {(line: string) => void} say
 */
export async function firstImage({ engine: options, stepTable, batch, seed, budget }, say) {
  const engine = await load(options);
  const run = await engine.start(stepTable, seed, batch);
  // Times since navigation.
  const ready = performance.now();
  await run.advance(1);
  const firstEvaluation = performance.now();
  say(
    `${options.name}: ready after ${seconds(ready)}, first evaluation done after ${seconds(firstEvaluation)}`,
  );
  let step = 1;
  for (; step < stepTable.steps.length && performance.now() < budget; step++) await run.advance(1);
  if (step < stepTable.steps.length) return { ready, firstEvaluation, steps: step, image: null };
  await run.pixels();
  const image = performance.now();
  say(`${options.name}: first image finished after ${seconds(image)}`);
  return { ready, firstEvaluation, steps: step, image };
}

/** @param {number} milliseconds */
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
