// @ts-check
/**
 * A training run: pieces of about a tenth of a second, so that a page stays responsive, with samples and a checkpoint
 * in between. The GPU does the work, so this needs no thread of its own.
 */
import { failureOf } from "../failures/failures.js";
import { awaitWork, compileTexts, reusesKernels } from "../engine/device.js";
import { divertFailures, withItsDevice } from "../engine/gpu.js";
import { Checkpoints } from "./checkpoints.js";
import { keepBeginning, keepProgress } from "./kept.js";
import { Speed } from "./speed.js";

/** How often there are samples, at the most; they take no more than this share of the time. */
const SAMPLES_MS = 4000;
const SAMPLES_SHARE = 0.2;
/** How often the run is kept in the browser. */
const KEEP_MS = 30_000;
/** The number of noise levels of a sample. */
const LEVELS = 10;

/** @typedef {import("../types.js").TrainingPlan} TrainingPlan */
/** @typedef {import("./kept.js").Beginning} Beginning */
/** @typedef {"preparing" | "running" | "pausing" | "paused" | "finished"} State
 *   it is pausing until the present piece is done and all is kept */
/** @typedef {{ step: number, images: Uint8Array, nearest: number[], ratios: number[] }} Samples
 *   with the number of the training image that is nearest to each, and how near it is */
/** @typedef {import("./bundle.js").Trainer} Trainer */
/** @typedef {import("./bundle.js").TrainerClass} TrainerClass */
/**
 * @typedef {object} Observer
 * @property {() => void} onState
 * @property {() => void} onReport after every piece
 * @property {(samples: Samples) => void} onSamples
 * @property {() => void} onNoSamples the GPU has no room for them, and the run goes on
 * @property {(error: import("../types.js").TrainerError) => void} onTrouble the run has paused
 * @property {() => void} [onKept] the browser keeps it, with its images, as far as it has come
 * @property {(why: string) => void} onNotKept
 */

export class TrainingRun {
  /** @type {State} */ state = "preparing";
  step = 0;
  /** The mean loss of each piece, at its last step. @type {{ step: number, loss: number }[]} */ losses =
    [];
  software = false;
  /** Whether the browser has kept it so far: after a failure it no longer tries. */
  keeps = true;
  /** @type {Samples | null} the latest */ samples = null;
  #Trainer;
  #beginning;
  #observer;
  /** @type {Trainer | null} */ #trainer = null;
  /** @type {any} the GPUDevice of the trainer */ #device;
  /** What uses the trainer, one after another. @type {Promise<unknown>} */ #turns =
    Promise.resolve();
  #speed = new Speed();
  #generation = 0;
  #sampled = 0;
  #samplingMs = 0;
  #kept = performance.now();
  #checkpoints = new Checkpoints();
  /** @type {Uint8Array | undefined} the checkpoint that an earlier visit has left */ #resumed;
  /** Settles when what `pause` or `back` was last asked for is done. @type {Promise<void>} */ #halting =
    Promise.resolve();

  /** @param {TrainerClass} Trainer @param {Beginning} beginning @param {Observer} observer */
  constructor(Trainer, beginning, observer) {
    this.#Trainer = Trainer;
    this.#beginning = beginning;
    this.#observer = observer;
  }

  get plan() {
    return this.#beginning.plan;
  }

  /** The images that it learns, with their variants. */
  get images() {
    return this.#beginning.images;
  }

  /** Whether it is about to use the GPU for long, or does so. */
  get busy() {
    return ["preparing", "running", "pausing"].includes(this.state);
  }

  /** Whether it began with the weights of a model. */
  get fromModel() {
    return this.#beginning.model !== undefined;
  }

  /** How many of the images are the visitor's own. */
  get originals() {
    const { channels, height, width } = this.plan.imageShape;
    return this.plan.originals ?? this.images.length / (channels * height * width);
  }

  /** The step that `back` leads to, if there is one. */
  get before() {
    return this.#checkpoints.before(this.step)?.step;
  }

  /** Images per second; `undefined` before that is known. */
  get speed() {
    return this.#speed.imagesPerSecond;
  }

  /** How long the rest will take. */
  get secondsLeft() {
    const images = (this.plan.steps - this.step) * this.plan.batch;
    return this.speed && images / this.speed / (1 - SAMPLES_SHARE / 2);
  }

  /** @param {Uint8Array} [checkpoint] to go on from @throws {Error} if the GPU or the plan is unsuitable */
  async prepare(checkpoint) {
    this.#resumed = checkpoint;
    await this.#make(checkpoint);
    if (!checkpoint)
      await keepBeginning(this.#beginning).catch((error) => {
        this.keeps = false;
        this.#observer.onNotKept(String(error?.message ?? error));
      });
    this.#set("paused");
  }

  /**
   * Goes on from the last checkpoint with another plan for the same network.
   * @param {Partial<TrainingPlan>} changes @throws {Error} as `prepare` does
   */
  async change(changes) {
    this.#beginning = { ...this.#beginning, plan: { ...this.plan, ...changes } };
    this.#generation++;
    this.#set("preparing");
    const last = this.#checkpoints.last?.bytes ?? this.#resumed;
    this.#turns = Promise.resolve();
    try {
      await this.#make(last);
      this.losses = this.losses.filter(({ step }) => step <= this.step);
    } finally {
      // Also after a failure: the visitor can try again, or leave.
      this.#set("paused");
    }
  }

  /** Whether it has a trainer: it has none after `change` has failed. */
  get usable() {
    return this.#trainer !== null;
  }

  start() {
    if (!(this.state === "paused" || this.state === "pausing") || !this.usable) return;
    this.#set("running");
    const generation = ++this.#generation;
    // A lost device is also reported by `divertFailures`, which then has ended this generation.
    this.#loop(generation).catch((error) => {
      if (generation === this.#generation) this.#trouble(error);
    });
  }

  /** Stops after the present piece, and keeps what has been learned. Whoever calls it again waits for the same. */
  async pause() {
    // What has been learned is kept also if there are no samples of it.
    if (this.state === "running") this.#halt(() => this.#look().finally(() => this.keep()));
    if (this.state === "pausing") await this.#halting;
  }

  /** Pauses, returns to the last checkpoint before this step, and keeps that. */
  async back() {
    const found = this.#checkpoints.before(this.step);
    if (!found) return;
    this.#halt(async () => {
      await this.#turn((trainer) => trainer.restore(found.bytes));
      this.#checkpoints.cut(found.step);
      this.step = found.step;
      this.losses = this.losses.filter(({ step }) => step <= found.step);
      this.#show(found.samples);
      this.#observer.onReport();
      await this.keep();
    });
    await this.#halting;
  }

  /** Trains no further piece, and does some work, which also keeps the run. @param {() => Promise<void>} work */
  #halt(work) {
    this.#set("pausing");
    const halting = work().finally(() => {
      // It may have gone on by now, or halted again.
      if (this.state === "pausing" && this.#halting === halting) this.#set("paused");
    });
    this.#halting = halting;
  }

  /** The file of the model as it is now. */
  model() {
    return this.#turn((trainer) => trainer.model());
  }

  /** Keeps it in the browser. */
  async keep() {
    if (!this.keeps) return;
    this.#kept = performance.now();
    const { id, plan } = this.#beginning;
    const [step, checkpoint, model] = await this.#turn(
      async (trainer) =>
        /** @type {const} */ ([trainer.step(), await trainer.checkpoint(), await trainer.model()]),
    );
    await keepProgress({ id, plan, step, saved: Date.now() }, checkpoint, model).then(
      () => this.#observer.onKept?.(),
      (error) => {
        this.keeps = false;
        this.#observer.onNotKept(String(error?.message ?? error));
      },
    );
  }

  /** Gives the GPU's memory back. */
  end() {
    this.#generation++;
    this.#turns.finally(() => this.#free());
  }

  #free() {
    try {
      this.#trainer?.free();
    } catch {
      // A call that waits for a lost device still borrows it.
    }
    this.#trainer = null;
  }

  /** @param {Uint8Array} [checkpoint] */
  async #make(checkpoint) {
    this.#free();
    // A failure of this device ends the run, and not the page.
    divertFailures((failure) => this.#trouble(failure));
    try {
      const { plan, images, model } = this.#beginning;
      const create = (/** @type {() => any} */ device) => {
        /** @type {import("../types.js").CompileTexts} */
        const compile = (texts) => compileTexts(device(), texts);
        return this.#Trainer.create(plan, images, model, reusesKernels() ? compile : undefined);
      };
      ({ made: this.#trainer, device: this.#device } = await withItsDevice(create));
    } finally {
      divertFailures(null);
    }
    if (checkpoint) this.#trainer.restore(checkpoint);
    this.step = this.#trainer.step();
    this.software = this.#trainer.is_software();
    this.#speed = new Speed();
  }

  /** @template T @param {(trainer: Trainer) => T | Promise<T>} work @returns {Promise<T>} */
  #turn(work) {
    const done = this.#turns.then(() => {
      if (!this.#trainer) throw new Error("This run has ended.");
      return awaitWork(Promise.resolve(work(this.#trainer)), this.#device);
    });
    this.#turns = done.catch(() => {});
    return done;
  }

  /** @param {State} state */
  #set(state) {
    this.state = state;
    this.#observer.onState();
  }

  /** @param {number} generation of this loop: there is no other */
  async #loop(generation) {
    const goes = () => this.state === "running" && generation === this.#generation;
    // It may still be on its way back to a checkpoint.
    await this.#turns;
    if (goes() && !this.#checkpoints.last) await this.#look();
    while (goes()) {
      // A run that was paused after its last step has nothing more to train.
      if (this.step < this.plan.steps) await this.#train();
      if (!goes()) return;
      const over = this.step >= this.plan.steps;
      const wait = Math.max(SAMPLES_MS, this.#samplingMs / SAMPLES_SHARE);
      if (over || performance.now() - this.#sampled > wait) await this.#look();
      if (over || performance.now() - this.#kept > KEEP_MS) await this.keep();
      if (over && goes()) this.#set("finished");
    }
  }

  /** Trains a piece. */
  async #train() {
    await this.#turn(async (trainer) => {
      const [start, before] = [performance.now(), this.step];
      const { step, loss } = await trainer.train(this.#speed.piece);
      const ms = performance.now() - start;
      this.step = step;
      this.losses.push({ step, loss });
      this.#speed.learn((step - before) * this.plan.batch, ms, this.losses.length === 1);
    });
    this.#observer.onReport();
  }

  /** Draws samples and makes a checkpoint. */
  async #look() {
    if (this.#checkpoints.last?.step === this.step) return;
    const found = await this.#turn(async (trainer) => {
      const start = performance.now();
      const samples = await this.#draw(trainer);
      const bytes = await trainer.checkpoint();
      this.#samplingMs = performance.now() - start;
      return { step: this.step, bytes, samples };
    });
    this.#sampled = performance.now();
    this.#checkpoints.add(found);
    this.#show(found.samples);
  }

  /**
   * Samples of the network as it is, always from the same noise.
   * @param {Trainer} trainer
   * @returns {Promise<Samples | null>} nothing if the GPU has no room for them, which the run itself survives
   */
  async #draw(trainer) {
    try {
      const images = await trainer.samples(this.software ? 4 : 8, LEVELS);
      const { numbers, ratios } = trainer.nearest(images);
      return { step: this.step, images, nearest: numbers, ratios };
    } catch (error) {
      if (/** @type {any} */ (error)?.code !== "out-of-memory") throw error;
      this.#observer.onNoSamples();
      return null;
    }
  }

  /** @param {Samples | null} samples */
  #show(samples) {
    if (!samples) return;
    this.samples = samples;
    this.#observer.onSamples(samples);
  }

  /** @param {unknown} thrown */
  #trouble(thrown) {
    if (!this.#trainer) return;
    this.#generation++;
    // What the trainer throws is an ordinary error, perhaps with a code.
    /** @type {import("../types.js").TrainerError} */
    const error =
      thrown instanceof Error && thrown.constructor === Error
        ? thrown
        : failureOf(thrown, (message) => /** @type {any} */ (new Error(message)));
    // The trainer has gone back to the last piece.
    if (error.code === "diverged") this.step = this.#trainer.step();
    this.#set("paused");
    this.#observer.onTrouble(error);
  }
}
