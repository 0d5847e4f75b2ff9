// @ts-check
/**
 * One anneal at a time: start, pause, step, restart.
 *
 * All GPU work goes through one lane, a promise that each piece of work waits for. So a chain is
 * never asked for two things at once, and is only freed when nothing uses it. A new anneal raises
 * the generation, and work of an older one notices this when it wakes, and stops.
 */

import { Batch } from "./batch.js";

/** @typedef {import("./engine.js").Chain} Chain */
/** @typedef {import("./engine.js").Progress} Progress */
/** @typedef {import("./engine.js").View} View */
/** @typedef {import("./engine.js").Fault} Fault */
/** @typedef {"ready" | "running" | "paused" | "finished"} State */
/** @typedef {{ onState(state: State): void, onProgress(progress: Progress): void, onDraw(chain: Chain, view: View): Promise<void>, onError(error: unknown): void, onWrong(fault: Fault): void }} Observer */

/**
 * A fast GPU is done before anything can be seen. At the speed to watch, an anneal takes at least
 * `WATCH_MS`, or `WATCH_STEP_MS` per step if that is less.
 */
const WATCH_MS = 8000;
const WATCH_STEP_MS = 60;
/** How often the image changes for visitors who asked for less motion. */
const CALM_MS = 500;

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

export class Run {
  /** @type {Chain | null} */ #chain = null;
  /** @type {Promise<unknown>} */ #lane = Promise.resolve();
  /** @type {State} */ #state = "ready";
  /** Whether an anneal has begun, though its chain may still wait for the lane. */
  #begun = false;
  #generation = 0;
  #batch = new Batch();
  #looping = false;
  #dead = false;
  /** The time that this anneal has been running, including waits for the playback speed. */
  #elapsed = 0;
  /** The time that the GPU has worked on it. */
  #worked = 0;
  /** The number of single steps that wait for their turn. */
  #waiting = 0;
  #observer;

  /** @type {View} */ view = "noisy";
  /** @type {"watch" | "full"} */ speed = "watch";
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

  /** Whether there is no anneal to continue. */
  get over() {
    return !this.#begun || this.#state === "finished";
  }

  /**
   * Begins a new anneal in place of the current one and shows its noise.
   * @param {() => Promise<Chain | null>} make called when the current one's memory is free again; null if there
   *   is too little for the new one, and then there is no anneal
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
      // Report the state again, now that the progress is known.
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
    // With less motion, some steps were not shown.
    if (this.calm) this.redraw();
  }

  /** Makes one step, then pauses. */
  step() {
    if (this.#dead || this.over) return;
    this.#set("paused");
    // A held key must not queue steps without bound.
    if (this.#waiting > 1) return;
    this.#waiting += 1;
    this.#advance(this.#generation, () => 1).then(() => (this.#waiting -= 1));
  }

  /** Draws the current image again, for example in another view. */
  redraw() {
    const generation = this.#generation;
    return this.#inLane(() => this.#draw(generation));
  }

  /**
   * Uses the current chain when nothing else does.
   * @template T
   * @param {(chain: Chain) => Promise<T>} use
   * @returns {Promise<T | undefined>} undefined if there is no chain
   */
  withChain(use) {
    return new Promise((resolve, reject) => {
      this.#inLane(async () => {
        if (!this.#chain) return resolve(undefined);
        await use(this.#chain).then(resolve, reject);
      });
    });
  }

  /** Drops the current anneal, and settles when nothing is running any more. */
  async clear() {
    const old = this.#letGo();
    this.#set("ready");
    await this.#inLane(async () => old?.free());
  }

  /** Returns the current chain for the caller to free; work on it does not continue. */
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

  /** After a failure, nothing may touch the wasm module again. */
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
    // At most one image per frame. In a hidden tab there are no frames, so the anneal rests.
    while (live()) {
      await next;
      // Request the frame before the work, so that a long batch is immediately followed by the
      // next.
      next = frame();
      const now = performance.now();
      this.#elapsed += Math.min(now - before, 1000);
      before = now;
      const wanted = this.#due();
      if (wanted < 1) continue;
      if (!live()) break;
      const calm = this.calm && now - drawn < CALM_MS;
      if (!calm) drawn = now;
      await this.#advance(
        generation,
        () => (live() ? Math.min(this.#batch.steps, wanted) : 0),
        !calm,
      );
    }
    if (generation === this.#generation) {
      this.#looping = false;
      // There was a pause and a start within one batch: continue.
      if (/** @type {State} */ (this.#state) === "running") this.#loop(generation);
    }
  }

  /** How many steps the playback speed allows by now. */
  #due() {
    if (this.speed === "full" || !this.#chain) return Infinity;
    const { step, steps } = this.#chain.progress();
    const length = Math.min(WATCH_MS, steps * WATCH_STEP_MS);
    // If the anneal was faster before, it need not wait for the clock.
    this.#elapsed = Math.max(this.#elapsed, (step * length) / steps);
    return Math.floor((steps * this.#elapsed) / length) - step;
  }

  /**
   * @param {number} generation
   * @param {() => number} steps called when it is this work's turn
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
      if (!progress.done) return;
      // It is not called done before it has been looked at.
      const fault = await chain.verify();
      if (generation !== this.#generation) return;
      if (fault) this.#observer.onWrong(fault);
      else this.#set("finished");
    });
  }

  /**
   * Shows the image together with the progress that belongs to it.
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
