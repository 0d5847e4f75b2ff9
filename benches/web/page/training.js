// @ts-check
/**
 * Training the same network, side by side on one page: first whether all engines find the same
 * losses, then how many images a second each learns from. Rounds go through all engines in turn, so
 * that whatever else the machine does affects all equally.
 */
import { time } from "./load.js";

/**
 * One engine in training.
 * @typedef {object} Trainer
 * @property {(steps: number) => Promise<number>} train takes steps and waits until they are done;
 *   the mean loss, about 1 for a network that always answers 0
 * @property {(() => Promise<Uint8Array>) | null} model the model file; ours only
 * @property {() => void} free
 *
 * @typedef {object} Start what a run begins with
 * @property {import("./recipe.js").Plan & { imageShape: object }} plan
 * @property {Uint8Array} images one after another
 * @property {Uint8Array | undefined} model the file whose weights it begins with; only ours draws them
 *
 * @typedef {object} EngineOptions what `load` of an adapter needs
 * @property {string} name
 * @property {"ncsn-trainer" | "tensorflow" | "jax-trainer"} kind the adapter's file
 */

/** Steps of a run, of which few are taken: its learning rate hardly decays. */
const STEPS = 4000;
const LEARNING_RATE = 1e-3;
/** Images of a run that is timed. */
const IMAGES = 256;
/** What losses are compared on: few, since an engine may take minutes for a step. */
const COMPARED = { batch: 2, steps: 2 };
/** Rounds of each engine, and the share of the budget and the steps that one may take. */
const ROUNDS = { least: 3, most: 50, share: 0.1, steps: 100 };

/**
 * @param {{ engines: EngineOptions[], model: string, shape: { channels: number, height: number, width: number }, batch: number, seed: number, budget: number }} task
 *   `model`: the address of a trained one, to compare losses; `budget`: milliseconds for each
 *   engine; ours is the first
 * @param {(line: string) => void} say
 */
export async function training({ engines, model, shape, batch, seed, budget }, say) {
  const plan = {
    imageShape: shape,
    name: "bench",
    steps: STEPS,
    batch,
    learningRate: LEARNING_RATE,
    seed,
    flip: false,
    widths: [],
  };

  // Images that are all alike have no order that could differ.
  const alike = drawings(shape, IMAGES).subarray(0, shape.channels * shape.height * shape.width);
  const images = new Uint8Array(COMPARED.batch * alike.length);
  for (let i = 0; i < COMPARED.batch; i++) images.set(alike, i * alike.length);
  const trained = new Uint8Array(await (await fetch(model)).arrayBuffer());
  const losses = await compare(
    engines,
    { plan: { ...plan, batch: COMPARED.batch }, images, model: trained },
    say,
  );

  /** @type {Start} */
  const start = { plan, images: drawings(shape, IMAGES), model: undefined };
  const lanes = [];
  for (const options of engines) {
    /** @type {Trainer | undefined} */ let trainer;
    const ready = await time(async () => (trainer = await open(options, start)));
    if (!trainer) throw new Error(options.name);
    start.model ??= await trainer.model?.();
    const take = trainer;
    const loss = [0, 0];
    const first = await time(async () => (loss[0] = await take.train(1)));
    // The first step compiles; the second tells how many fit into a round.
    const second = await time(async () => (loss[1] = await take.train(1)));
    const steps = Math.floor((budget * ROUNDS.share) / second);
    const lane = {
      trainer,
      spent: second,
      run: {
        name: options.name,
        ready,
        first,
        steps: Math.max(1, Math.min(ROUNDS.steps, steps)),
        times: steps > 1 ? [] : [second],
        loss,
      },
    };
    say(
      `${options.name}: ready after ${ready.toFixed(0)} ms, first step ${first.toFixed(0)} ms, second ${second.toFixed(0)} ms, loss ${loss[0].toFixed(4)}`,
    );
    lanes.push(lane);
  }
  for (let round = 0; round < ROUNDS.most && goesOn(lanes, budget); round++) {
    // Rotate, so that no engine is always the first after a rest.
    for (let i = 0; i < lanes.length; i++) {
      const lane = lanes[(i + round) % lanes.length];
      const { name, steps, times, loss } = lane.run;
      const spent = await time(async () => (loss[1] = await lane.trainer.train(steps)));
      times.push(spent);
      lane.spent += spent;
      say(`${name}: ${steps} steps in ${spent.toFixed(0)} ms, loss ${loss[1].toFixed(4)}`);
    }
  }
  for (const { trainer } of lanes) trainer.free();
  return { losses, runs: lanes.map(({ run }) => run) };
}

/**
 * Whether there is another round. All take part in it, so the first to have spent its budget ends
 * them, but not before all have had the fewest.
 * @param {{ spent: number, run: { times: number[] } }[]} lanes @param {number} budget
 */
function goesOn(lanes, budget) {
  if (lanes.some(({ run }) => run.times.length < ROUNDS.least)) return true;
  return lanes.every(({ spent, run }) => spent + run.times[run.times.length - 1] <= budget);
}

/** @param {EngineOptions} options @param {Start} start @returns {Promise<Trainer>} */
async function open(options, start) {
  const adapter = await import(`./engines/${options.kind}.js`);
  return adapter.load(options, start);
}

/**
 * The losses of every engine's first steps, from the same weights, images and noise.
 * @param {EngineOptions[]} engines @param {Start} start @param {(line: string) => void} say
 */
async function compare(engines, start, say) {
  const results = [];
  let { model } = start;
  for (const options of engines) {
    const trainer = await open(options, { ...start, model });
    // With the noise levels of the run.
    if (trainer.model) model = await trainer.model();
    const losses = [];
    for (let step = 0; step < COMPARED.steps; step++) losses.push(await trainer.train(1));
    trainer.free();
    say(`${options.name}: losses ${losses.map((loss) => loss.toFixed(5)).join(", ")}`);
    results.push({ name: options.name, losses });
  }
  return results;
}

/**
 * Dark images with a bright rectangle, each elsewhere.
 * @param {{ channels: number, height: number, width: number }} shape @param {number} count
 */
function drawings({ channels, height, width }, count) {
  const images = new Uint8Array(count * channels * height * width).fill(10);
  for (let i = 0; i < count; i++) {
    const [left, top] = [(7 * i) % (width >> 1), (5 * i) % (height >> 1)];
    for (let c = 0; c < channels; c++)
      for (let y = top; y < top + (height >> 1); y++) {
        const row = ((i * channels + c) * height + y) * width;
        images.fill(230, row + left, row + left + (width >> 2) + (i % 5));
      }
  }
  return images;
}
