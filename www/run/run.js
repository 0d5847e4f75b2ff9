// @ts-check
/**
 * One run at a time: start, pause, step, restart.
 *
 * All work on the engine goes through one queue. A new run raises the generation; work of an older
 * one compares generations whenever it goes on, and stops.
 */
import { Queue } from "../engine/queue.js";
import { StepScheduler } from "./step-scheduler.js";
import { ChainFinisher } from "./chain-finisher.js";

/** @typedef {import("../engine/engine.js").Chains} Chains */
/** @typedef {import("../types.js").Progress} Progress */
/** @typedef {import("../types.js").View} View */
/** @typedef {import("../types.js").Fault} Fault */
/** @typedef {"ready" | "running" | "paused" | "redrawing" | "finished"} State `redrawing` while images follow a drawing */
/** @typedef {{ onState(state: State): void, onProgress(progress: Progress): void, onDraw(chains: Chains, view: View, passing: boolean): Promise<void>, onError(error: unknown): void, onWrong(fault: Fault): void }} Observer */

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

export class Run {
  /** @type {Chains | null} */ #chains = null;
  #queue;
  /** @type {State} */ #state = "ready";
  /** Whether a run has begun, though its chains may still wait for their turn. */
  #begun = false;
  #generation = 0;
  #scheduler = new StepScheduler();
  #finisher = new ChainFinisher();
  #looping = false;
  /** The time that the engine has worked on it. */
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
    this.#queue = new Queue((error) => observer.onError(error));
  }

  get state() {
    return this.#state;
  }

  /** Whether the page has failed. */
  get dead() {
    return this.#queue.closed;
  }

  /** Milliseconds that the engine took for this run's steps so far. */
  get worked() {
    return this.#worked;
  }

  /** About how many milliseconds of work are left; nothing as long as too few steps were timed, and at the end. */
  get left() {
    const progress = this.#chains?.progress();
    return progress && this.#scheduler.left(progress);
  }

  /** Whether the images are done, or follow a drawing: the next ones are new, those of another seed. */
  get offersNew() {
    return this.#state === "finished" || this.#state === "redrawing";
  }

  /** Whether it waits for the visitor to start it or to go on. */
  get rests() {
    return this.#state === "ready" || this.#state === "paused";
  }

  /** Whether there is no run to continue. */
  get over() {
    return !this.#begun || this.offersNew;
  }

  /**
   * Begins a new run in place of the current one and shows its noise.
   * @param {() => Promise<Chains | null>} make called when the current one's memory is free again; null if there
   *   is too little for the new one, and then there is no run
   * @param {boolean} run
   */
  restart(make, run) {
    if (this.dead) return;
    const old = this.#letGo();
    const generation = this.#generation;
    this.#begun = true;
    this.#set(run ? "running" : "ready");
    this.#queue.add(async () => {
      old?.free();
      if (generation !== this.#generation) return;
      const chains = await make();
      if (generation !== this.#generation) return this.dead ? undefined : chains?.free();
      this.#chains = chains;
      if (!chains) {
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

  /**
   * Puts the images of new chains in place of the present ones as soon as all their steps are done.
   * @param {() => Promise<Chains | null>} make as for `restart`
   * @param {() => boolean} outdated whether yet other images are about to be made: then these may be given up
   * @returns {Promise<unknown>} settles when they are on the screen, or were given up
   */
  redraw(make, outdated) {
    if (this.dead) return Promise.resolve();
    const old = this.#letGo();
    const generation = this.#generation;
    this.#begun = true;
    this.#set("redrawing");
    return this.#queue.add(async () => {
      old?.free();
      const current = () => generation === this.#generation;
      const chains = current() ? await make() : null;
      if (!current()) return this.dead ? undefined : chains?.free();
      this.#chains = chains;
      const worked = (/** @type {number} */ took) => (this.#worked += took);
      if (chains && (await this.#finisher.finish(chains, { current, outdated, worked }))) {
        await this.#draw(generation, outdated());
        if (!outdated()) await this.#finish(generation, chains);
      } else if (current()) {
        // Nobody may show or save images that are only half made.
        this.#chains = null;
        chains?.free();
        // Whoever asks for images waits for the next ones, if they are about to be made.
        if (outdated()) return;
        this.#begun = false;
        this.#set("ready");
      }
    });
  }

  start() {
    if (this.dead || this.over || this.#state === "running") return;
    this.#set("running");
    if (this.#chains && !this.#looping) this.#loop(this.#generation);
  }

  pause() {
    if (this.#state !== "running") return;
    this.#set("paused");
    // With less motion, some steps were not shown.
    if (this.calm) this.repaint();
  }

  /** Pauses, and settles when the request that was under way has been drawn. */
  async settle() {
    if (this.#state !== "running") return;
    this.pause();
    await this.turn(async () => {});
  }

  /** Makes one step, then pauses. */
  step() {
    if (this.dead || this.over) return;
    this.#set("paused");
    // A held key must not queue steps without bound.
    if (this.#waiting > 1) return;
    this.#waiting += 1;
    this.#advance(this.#generation, () => 1).then(() => (this.#waiting -= 1));
  }

  /** Draws the current image again, for example in another view. */
  repaint() {
    const generation = this.#generation;
    return this.#queue.add(() => this.#draw(generation));
  }

  /**
   * Uses the current chains when nothing else does.
   * @template T
   * @param {(chains: Chains) => Promise<T>} use
   * @returns {Promise<T | undefined>} undefined if there are no chains
   */
  async withChains(use) {
    for (;;) {
      const turn = await this.#queue.ask(async () => {
        if (this.#chains) return { result: await use(this.#chains) };
        // The next chains are made in a later turn than this one, if they were asked for meanwhile.
        return this.#begun ? null : { result: undefined };
      });
      if (turn) return turn.result;
    }
  }

  /**
   * Does other work on the engine, between pieces of this run's.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  turn(work) {
    return this.#queue.ask(work);
  }

  /** Drops the current run, and settles when nothing is running any more. */
  async clear() {
    const old = this.#letGo();
    await this.#queue.add(async () => old?.free());
    this.#set("ready");
  }

  /** Returns the current chains for the caller to free; work on them does not continue. */
  #letGo() {
    const old = this.#chains;
    this.#chains = null;
    this.#begun = false;
    this.#generation += 1;
    this.#looping = false;
    this.#worked = 0;
    this.#scheduler = new StepScheduler();
    return old;
  }

  /** After a failure, nothing may touch the wasm module again. */
  kill() {
    this.#queue.closed = true;
    this.#generation += 1;
    this.#chains = null;
  }

  /** @param {number} generation */
  async #loop(generation) {
    this.#looping = true;
    const live = () => generation === this.#generation && this.#state === "running" && !this.dead;
    this.#scheduler.resume();
    let next = frame();
    // At most one image per frame. In a hidden tab there are no frames, so the run rests.
    while (live()) {
      await next;
      // Request the frame before the work, so that a long request is immediately followed by the
      // next.
      next = frame();
      const due = this.#scheduler.due(this, this.#chains?.progress());
      if (!due) continue;
      if (!live()) break;
      await this.#advance(
        generation,
        () => (live() ? this.#scheduler.steps(due.most) : 0),
        due.draw,
      );
    }
    if (generation === this.#generation) {
      this.#looping = false;
      // There was a pause and a start within one request: continue.
      if (/** @type {State} */ (this.#state) === "running") this.#loop(generation);
    }
  }

  /**
   * @param {number} generation
   * @param {() => number} steps called when it is this work's turn
   * @param {boolean} [draw]
   */
  #advance(generation, steps, draw = true) {
    return this.#queue.add(async () => {
      const chains = this.#chains;
      const count = steps();
      if (generation !== this.#generation || !chains || count < 1 || chains.progress().done) return;
      const first = chains.progress().step === 0;
      const began = performance.now();
      const progress = await chains.advance(count);
      if (generation !== this.#generation) return;
      const took = performance.now() - began;
      this.#worked += took;
      // The first step also compiles kernels, so it does not tell how long others take.
      if (!first) this.#scheduler.learn(count, took);
      if (draw || progress.done) await this.#draw(generation);
      if (progress.done) await this.#finish(generation, chains);
    });
  }

  /** Only images that the engine has checked are called finished. @param {number} generation @param {Chains} chains */
  async #finish(generation, chains) {
    const fault = await chains.verify();
    if (generation !== this.#generation) return;
    if (fault) this.#observer.onWrong(fault);
    else this.#set("finished");
  }

  /**
   * Shows the image together with the progress that belongs to it.
   * @param {number} generation
   * @param {boolean} [passing] whether another image follows at once, so that this one need not be checked
   */
  async #draw(generation, passing = false) {
    const chains = this.#chains;
    if (generation !== this.#generation || !chains) return;
    this.#observer.onProgress(chains.progress());
    await this.#observer.onDraw(chains, this.view, passing);
  }

  /** @param {State} state */
  #set(state) {
    this.#state = state;
    this.#observer.onState(state);
  }
}
