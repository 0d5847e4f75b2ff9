// @ts-check
/** What stops a training run, in words, with the ways to go on. */
import { Failure } from "../failures/failures.js";
import { formatDuration } from "../dom/format.js";

/** @typedef {{ text: string, act: () => void }} Way */
/** @typedef {{ text: string, ways: Way[] }} Trouble */

/**
 * @param {import("../types.js").TrainerError} error
 * @param {import("../types.js").TrainingPlan} plan
 * @param {(changes: Partial<import("../types.js").TrainingPlan>) => () => void} again goes on from the last checkpoint with changes
 * @returns {Trouble}
 */
export function troubleOf(error, { learningRate, batch }, again) {
  const slower = {
    text: "Go on, half the learning rate",
    act: again({ learningRate: learningRate / 2 }),
  };
  const smaller = {
    text: "Go on, half the images a step",
    act: again({ batch: Math.max(1, batch >> 1) }),
  };
  const same = { text: "Go on from the last checkpoint", act: again({}) };
  if (error.code === "diverged")
    return {
      text: "The training diverged: the loss or a weight is no longer a finite number. It has gone back to the last step at which all numbers were finite. A smaller learning rate helps.",
      ways: [slower],
    };
  return { text: error.message, ways: lacksMemory(error) ? [smaller] : [same, smaller] };
}

/** Whether the GPU or the wasm module has no room: the trainer, the device and the page each say it in their way. @param {import("../types.js").TrainerError} error */
const lacksMemory = (error) =>
  error.code === "out-of-memory" ||
  (error instanceof Failure && ["limit", "memory"].includes(error.kind));

/**
 * A run that will take long, since there is no GPU.
 * @param {number} steps of the whole run @param {number} left of these @param {number} seconds that they take
 * @param {() => void} go trains all the same @param {(() => void) | undefined} small chooses a small network, if this is none
 * @returns {Trouble}
 */
export function slowness(steps, left, seconds, go, small) {
  const ways = [{ text: "Train all the same", act: go }];
  if (small) ways.unshift({ text: "Use a small network", act: small });
  return {
    text: `There is no GPU to use here, so the browser computes in software: a step takes about ${formatDuration(seconds / left)}, and the rest of the ${steps} steps ${formatDuration(seconds)}. The page’s CPU engine can make images, but cannot train. The program (“ncsn train”) trains faster${small ? ", and so does a small network from scratch" : ""}.`,
    ways,
  };
}
