// @ts-check
/** What stops a training run, in words, with the ways to go on. */
import { duration } from "./train-progress.js";

/** @typedef {{ text: string, act: () => void }} Way */
/** @typedef {{ text: string, ways: Way[] }} Trouble */

/**
 * @param {Error} error @param {boolean} diverged
 * @param {import("./types.js").TrainingPlan} plan
 * @param {(changes: Partial<import("./types.js").TrainingPlan>) => () => void} again goes on from the last checkpoint with changes
 * @returns {Trouble}
 */
export function troubleOf(error, diverged, { learningRate, batch }, again) {
  const slower = {
    text: "Go on, half the learning rate",
    act: again({ learningRate: learningRate / 2 }),
  };
  const smaller = {
    text: "Go on, half the images a step",
    act: again({ batch: Math.max(1, batch >> 1) }),
  };
  const same = { text: "Go on from the last checkpoint", act: again({}) };
  if (diverged)
    return {
      text: "The training diverged: numbers grew beyond all bounds. It is back at the last state that was sound. A smaller learning rate helps.",
      ways: [slower],
    };
  const memory = /memory/i.test(error.message);
  return { text: error.message, ways: memory ? [smaller] : [same, smaller] };
}

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
    text: `This browser has no GPU to use and computes in software: a step takes about ${duration(seconds / left)}, and the rest of the ${steps} steps ${duration(seconds)}. The program (“ncsn train”) is faster${small ? ", and so is a small network from scratch" : ""}.`,
    ways,
  };
}
