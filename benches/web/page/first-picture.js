// @ts-check
/**
 * What a visitor waits for: the time from navigation until an engine is ready, until its first
 * evaluation is done, and until the first picture is finished.
 */
import { load } from "./load.js";

/**
 * @param {{ engine: import("./main.js").EngineOptions, program: import("./main.js").Program, batch: number, seed: number, budget: number }} task
 *   `budget` in milliseconds
 * @param {(line: string) => void} say
 */
export async function firstPicture({ engine: options, program, batch, seed, budget }, say) {
  const engine = await load(options);
  const run = await engine.start(program, seed, batch);
  // Times since navigation.
  const ready = performance.now();
  await run.advance(1);
  const firstEvaluation = performance.now();
  say(`${options.name}: ready after ${seconds(ready)}, first evaluation done after ${seconds(firstEvaluation)}`);
  let step = 1;
  for (; step < program.steps.length && performance.now() < budget; step++) await run.advance(1);
  if (step < program.steps.length) return { ready, firstEvaluation, steps: step, picture: null };
  await run.pixels();
  const picture = performance.now();
  say(`${options.name}: first picture finished after ${seconds(picture)}`);
  return { ready, firstEvaluation, steps: step, picture };
}

/** @param {number} milliseconds */
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
