// @ts-check
/**
 * One anneal at a time: start, pause, step, restart.
 *
 * All GPU work goes through one lane, a promise that each piece of work waits
 * for: a chain is never asked for two things at once, and is freed only when
 * nothing uses it. A new anneal raises the generation; work of an older one
 * sees that when it wakes and stops.
 */

import { Batch } from "./batch.js";

/** @typedef {import("./engine.js").Chain} Chain */
/** @typedef {import("./engine.js").Progress} Progress */
/** @typedef {import("./engine.js").View} View */
/** @typedef {"ready" | "running" | "paused" | "finished"} State */
/** @typedef {{ onState(state: State): void, onProgress(progress: Progress): void, onDraw(chain: Chain, view: View): Promise<void>, onError(error: unknown): void }} Observer */

/** A fast GPU is done before the eye has seen anything; at the pace to watch, a whole anneal takes at least this long, but no more than so much for each step. */
const WATCH_MS = 8000;
const WATCH_STEP_MS = 60;
/** How often the picture changes for those who asked for less motion. */
const CALM_MS = 500;

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

export class Run {
  /** @type {Chain | null} */ #chain = null;
  /** @type {Promise<unknown>} */ #lane = Promise.resolve();
  /** @type {State} */ #state = "ready";
  /** Whether an anneal was begun, though its chain may have to wait for the lane. */
  #begun = false;
  #generation = 0;
  #batch = new Batch();
  #looping = false;
  #dead = false;
  /** Time that this anneal has spent running, waits for the pace included. */
  #elapsed = 0;
  /** Time that the GPU has worked on it. */
  #worked = 0;
  /** Single steps that wait for their turn. */
  #waiting = 0;
  #observer;

  /** @type {View} */ view = "noisy";
  /** @type {"watch" | "full"} */ pace = "watch";
  calm = false;

  /** @param {Observer} observer */
  constructor(observer) {
    this.#observer = observer;
  }

  get state() {
    return this.#state;
  }

  /** Whether the page has failed. */
  get dead() {
    return this.#dead;
  }

  /** Milliseconds that the GPU took for this anneal's steps so far. */
  get worked() {
    return this.#worked;
  }

  /** Whether there is an anneal to go on with. */
  get over() {
    return !this.#begun || this.#state === "finished";
  }

  /**
   * Begins a new anneal in place of the current one and shows its noise.
   * @param {() => Promise<Chain | null>} make called when the current one's memory is free again; null where
   *   there is not enough for the new one, and then there is no anneal
   * @param {boolean} run
   */
  restart(make, run) {
    if (this.#dead) return;
    const old = this.#letGo();
    const generation = this.#generation;
    this.#begun = true;
    this.#set(run ? "running" : "ready");
    this.#inLane(async () => {
      old?.free();
      if (generation !== this.#generation) return;
      const chain = await make();
      if (generation !== this.#generation) return this.#dead ? undefined : chain?.free();
      this.#chain = chain;
      if (!chain) {
        this.#begun = false;
        return this.#set("ready");
      }
      await this.#draw(generation);
      if (generation !== this.#generation) return;
      // Told once more, now that its progress is known.
      this.#set(this.#state);
      if (this.#state === "running" && !this.#looping) this.#loop(generation);
    });
  }

  start() {
    if (this.#dead || this.over || this.#state === "running") return;
    this.#set("running");
    if (this.#chain && !this.#looping) this.#loop(this.#generation);
  }

  pause() {
    if (this.#state !== "running") return;
    this.#set("paused");
    // With less motion some steps were not shown.
    if (this.calm) this.redraw();
  }

  /** One step, then a pause. */
  step() {
    if (this.#dead || this.over) return;
    this.#set("paused");
    // A key held down must not queue without bound.
    if (this.#waiting > 1) return;
    this.#waiting += 1;
    this.#advance(this.#generation, () => 1).then(() => (this.#waiting -= 1));
  }

  /** Draws the current picture again, in another view for instance. */
  redraw() {
    const generation = this.#generation;
    return this.#inLane(() => this.#draw(generation));
  }

  /**
   * Uses the current chain when nothing else does.
   * @template T
   * @param {(chain: Chain) => Promise<T>} use
   * @returns {Promise<T | undefined>} nothing where there is no chain
   */
  withChain(use) {
    return new Promise((resolve, reject) => {
      this.#inLane(async () => {
        if (!this.#chain) return resolve(undefined);
        await use(this.#chain).then(resolve, reject);
      });
    });
  }

  /** Lets go of the current anneal, and settles when nothing is under way any more. */
  async clear() {
    const old = this.#letGo();
    this.#set("ready");
    await this.#inLane(async () => old?.free());
  }

  /** The current chain, for whoever frees it; what is under way with it does not go on. */
  #letGo() {
    const old = this.#chain;
    this.#chain = null;
    this.#begun = false;
    this.#generation += 1;
    this.#looping = false;
    this.#elapsed = 0;
    this.#worked = 0;
    this.#batch = new Batch();
    return old;
  }

  /** After a failure nothing may touch the program again. */
  kill() {
    this.#dead = true;
    this.#generation += 1;
    this.#chain = null;
  }

  /** @param {number} generation */
  async #loop(generation) {
    this.#looping = true;
    const live = () => generation === this.#generation && this.#state === "running" && !this.#dead;
    let before = performance.now();
    let drawn = -Infinity;
    let next = frame();
    // At most one picture a frame. While the tab is hidden no frame comes, and so the anneal rests.
    while (live()) {
      await next;
      // Asked for before the work, so that a long batch is followed by the next at once.
      next = frame();
      const now = performance.now();
      this.#elapsed += Math.min(now - before, 1000);
      before = now;
      const wanted = this.#due();
      if (wanted < 1) continue;
      if (!live()) break;
      const calm = this.calm && now - drawn < CALM_MS;
      if (!calm) drawn = now;
      await this.#advance(generation, () => (live() ? Math.min(this.#batch.steps, wanted) : 0), !calm);
    }
    if (generation === this.#generation) {
      this.#looping = false;
      // A pause and a start within one batch: carry on.
      if (/** @type {State} */ (this.#state) === "running") this.#loop(generation);
    }
  }

  /** How many steps the pace allows by now. */
  #due() {
    if (this.pace === "full" || !this.#chain) return Infinity;
    const { step, steps } = this.#chain.progress();
    const length = Math.min(WATCH_MS, steps * WATCH_STEP_MS);
    // Whoever was faster before need not wait for the clock.
    this.#elapsed = Math.max(this.#elapsed, (step * length) / steps);
    return Math.floor((steps * this.#elapsed) / length) - step;
  }

  /**
   * @param {number} generation
   * @param {() => number} steps asked when it is this work's turn
   * @param {boolean} [draw]
   */
  #advance(generation, steps, draw = true) {
    return this.#inLane(async () => {
      const chain = this.#chain;
      const count = steps();
      if (generation !== this.#generation || !chain || count < 1 || chain.progress().done) return;
      const first = chain.progress().step === 0;
      const began = performance.now();
      const progress = await chain.advance(count);
      if (generation !== this.#generation) return;
      const took = performance.now() - began;
      this.#worked += took;
      // The first step compiles kernels and says nothing about the next.
      if (!first) this.#batch.learn(count, took);
      if (draw || progress.done) await this.#draw(generation);
      if (generation === this.#generation && progress.done) this.#set("finished");
    });
  }

  /**
   * Shows the picture and how far it has come, which belong together.
   * @param {number} generation
   */
  async #draw(generation) {
    const chain = this.#chain;
    if (generation !== this.#generation || !chain) return;
    this.#observer.onProgress(chain.progress());
    await this.#observer.onDraw(chain, this.view);
  }

  /** @param {() => Promise<void>} work */
  #inLane(work) {
    this.#lane = this.#lane.then(async () => {
      if (this.#dead) return;
      try {
        await work();
      } catch (error) {
        this.#observer.onError(error);
      }
    });
    return this.#lane;
  }

  /** @param {State} state */
  #set(state) {
    this.#state = state;
    this.#observer.onState(state);
  }
}
