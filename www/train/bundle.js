// @ts-check
/** The wasm module that trains: a bundle of its own, which the page fetches when a run begins. */
import { load } from "../engine/bundles.js";

/**
 * @typedef {object} Trainer the class of the bundle `engines/training`
 * @property {() => boolean} is_software
 * @property {() => number} step
 * @property {(steps: number) => Promise<import("../types.js").TrainingReport>} train rejects, as the others do, with a `TrainerError`
 * @property {() => Promise<Uint8Array>} model
 * @property {(count: number, levels: number) => Promise<Uint8Array>} samples
 * @property {(images: Uint8Array) => import("../types.js").NearestImages} nearest
 * @property {() => Promise<Uint8Array>} checkpoint
 * @property {(checkpoint: Uint8Array) => void} restore
 * @property {() => void} free
 */
/**
 * @typedef {object} TrainerClass
 * @property {(plan: import("../types.js").TrainingPlan, images: Uint8Array, model?: Uint8Array, compile?: import("../types.js").CompileTexts) => Promise<Trainer>} create
 */

/** @returns {Promise<TrainerClass>} @throws {import("../failures/failures.js").Failure} if it does not arrive */
export async function fetchTrainer() {
  return (await load("training")).Trainer;
}
