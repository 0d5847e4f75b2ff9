// @ts-check
/**
 * Engines side by side on one page: first whether they paint the same images, then how long they
 * take. Rounds go through all engines in turn, so that whatever else the machine does affects all
 * equally.
 */
import { load, time } from "./load.js";

/** @typedef {import("./main.js").EngineOptions} EngineOptions */
/** @typedef {import("./main.js").StepTable} StepTable */
/** @typedef {(line: string) => void} Say */

/** Fewer rounds tell nothing; more tell nothing new. */
const ROUNDS = { least: 2, most: 50 };

/**
 * Runs the same chains on every engine.
 * @param {{ engines: EngineOptions[], stepTable: StepTable, batch: number, seed: number }} task
 * @param {Say} say
 * @returns {Promise<{ name: string, largest: number, mean: number }[]>} how far each engine's pixels
 *   are from the first one's, in units of the range of pixels
 */
export async function compare({ engines, stepTable, batch, seed }, say) {
  /** @type {Uint8ClampedArray | null} */ let expected = null;
  const results = [];
  for (const options of engines) {
    const run = await (await load(options)).start(stepTable, seed, batch);
    await run.advance(stepTable.steps.length);
    const pixels = await run.pixels();
    run.free();
    expected ??= pixels;
    if (pixels.length !== expected.length)
      throw new Error(`${options.name} paints ${pixels.length} bytes, not ${expected.length}`);
    const differences = pixels.map((value, i) =>
      Math.abs(value - /** @type {Uint8ClampedArray} */ (expected)[i]),
    );
    const largest = differences.reduce((a, b) => Math.max(a, b)) / 255;
    const mean = differences.reduce((a, b) => a + b, 0) / differences.length / 255;
    say(
      `${options.name}: ${batch} images in ${stepTable.steps.length} steps, at most ${largest.toFixed(4)} from ${engines[0].name}'s`,
    );
    results.push({ name: options.name, largest, mean });
  }
  return results;
}

/**
 * Times evaluations, and as much of the sampler as there is time for.
 * @param {{ engines: EngineOptions[], stepTable: StepTable, batches: number[], seed: number, budget: number }} task
 *   `budget` in milliseconds for each engine at each batch
 * @param {Say} say
 */
export async function warm({ engines, stepTable, batches, seed, budget }, say) {
  const loaded = [];
  for (const options of engines)
    loaded.push({ name: options.name, engine: await load(options), perImage: 0 });
  const cells = [];
  for (const batch of batches) {
    const lanes = [];
    for (const each of loaded) {
      const cell = {
        name: each.name,
        batch,
        first: /** @type {number | null} */ (null),
        times: /** @type {number[]} */ ([]),
        steps: 0,
        sampling: 0,
      };
      cells.push(cell);
      // The estimated time of a first evaluation and the fewest rounds, in proportion to the last
      // batch.
      if (each.perImage * batch * (1 + ROUNDS.least) > budget) continue;
      const run = await each.engine.start(stepTable, seed, batch);
      cell.first = await time(() => run.evaluate());
      say(`${each.name}, batch ${batch}: first evaluation ${cell.first.toFixed(0)} ms`);
      lanes.push({ each, cell, run, spent: cell.first });
    }
    for (let round = 0; round < ROUNDS.most; round++) {
      let busy = false;
      // Rotate, so that no engine is always the first after a rest.
      for (let i = 0; i < lanes.length; i++) {
        const lane = lanes[(i + round) % lanes.length];
        const last = lane.cell.times.at(-1) ?? 0;
        // A quarter of the budget is for the sampler.
        if (lane.spent + last > budget * 0.75) continue;
        const spent = await time(() => lane.run.evaluate());
        lane.cell.times.push(spent);
        lane.spent += spent;
        busy = true;
      }
      if (!busy) break;
    }
    for (const { each, cell, run } of lanes) {
      const step = median(cell.times.length ? cell.times : [/** @type {number} */ (cell.first)]);
      each.perImage = step / batch;
      cell.steps = Math.max(
        1,
        Math.min(stepTable.steps.length, Math.floor((budget * 0.25) / step)),
      );
      if (cell.times.length) {
        const fresh = await each.engine.start(stepTable, seed, batch);
        cell.sampling = await time(() => fresh.advance(cell.steps));
        fresh.free();
        say(
          `${each.name}, batch ${batch}: ${step.toFixed(1)} ms an evaluation (${cell.times.length} times), ${cell.steps} steps in ${cell.sampling.toFixed(0)} ms`,
        );
      }
      run.free();
    }
  }
  return cells;
}

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
