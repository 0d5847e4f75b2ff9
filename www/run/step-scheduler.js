// @ts-check
/** When a run goes on, by how many steps, whether they are shown (at most once a frame), and how long the rest takes. */
import { StepsPerRequest } from "../engine/steps-per-request.js";
import { Playback } from "./playback.js";

/** How often the image changes for visitors who asked for less motion. */
const CALM_MS = 500;

export class StepScheduler {
  #perRequest = new StepsPerRequest();
  #playback = new Playback();
  #before = performance.now();
  #drawn = -Infinity;
  /** Steps that were timed, and how many milliseconds they took together. */
  #timed = { steps: 0, took: 0 };

  /** A pause is over. */
  resume() {
    this.#before = performance.now();
    this.#drawn = -Infinity;
  }

  /**
   * What is due in this frame.
   * @param {import("./run.js").Run} run
   * @param {import("../types.js").Progress | undefined} progress nothing if the run still waits for its chains
   * @returns {{ most: number, draw: boolean } | null} at most so many steps
   */
  due({ speed, calm }, progress) {
    const now = performance.now();
    this.#playback.pass(now - this.#before);
    this.#before = now;
    const most = speed === "full" || !progress ? Infinity : this.#playback.due(progress);
    if (most < 1) return null;
    const draw = !calm || now - this.#drawn >= CALM_MS;
    if (draw) this.#drawn = now;
    return { most, draw };
  }

  /** How many steps to ask for. @param {number} most */
  steps(most) {
    return Math.min(this.#perRequest.steps, most);
  }

  /** Learns from a request. @param {number} steps @param {number} took milliseconds */
  learn(steps, took) {
    this.#perRequest.learn(steps, took);
    this.#timed.steps += steps;
    this.#timed.took += took;
  }

  /** About how many milliseconds the rest takes, if it is known. @param {import("../types.js").Progress} progress */
  left({ step, steps, done }) {
    const timed = this.#timed;
    return done || !timed.steps ? undefined : ((steps - step) * timed.took) / timed.steps;
  }
}
