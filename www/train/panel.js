// @ts-check
/**
 * "Train your own": a network learns a visitor's images on the visitor's GPU. The page fetches this, and the wasm
 * module that trains, when the visitor opens the panel.
 */
import { dialogOf, focusTitle, isDialogOpen, styleDialogs } from "../dom/dialog.js";
import { element } from "../dom/dom.js";
import { Failure } from "../failures/failures.js";
import { openModel } from "../page/open-model.js";
import { ownNames } from "../state/own-list.js";
import { saveAs } from "../save/png.js";
import { engines, run as pageRun } from "../page/page.js";
import { modelLabel, state } from "../state/state.js";
import { addStyleSheet } from "../dom/style-sheet.js";
import { augmented } from "./augment.js";
import { fetchTrainer } from "./bundle.js";
import { ImageChooser } from "./choose.js";
import { readRun } from "./kept.js";
import { takeFiles } from "./drop.js";
import { fileOf } from "./model-file.js";
import { KeptRun } from "./kept-run.js";
import { ProgressView } from "./progress.js";
import { TrainingRun } from "./run.js";
import { Setup, advice } from "./setup.js";
import { slowness, troubleOf } from "./trouble.js";

/** Steps after which a software adapter's speed is known: the first is slower. */
const MEASURED = 3;
/** From how many seconds on a visitor is asked before waiting. */
const LONG_S = 120;

/** @type {Panel | undefined} the panel, which stays as it is while it is closed */
let panel;

/** Opens the panel. */
export async function openTraining() {
  if (isDialogOpen()) return;
  if (!state.loaded) throw new Error("Training needs the page’s model, which is not loaded yet.");
  if (!panel) {
    await Promise.all([
      styleDialogs(),
      ...["sketch/palette.css", "train/panel.css"].map((name) => addStyleSheet(name)),
    ]);
    // A second click while the style sheet was on its way may have made it.
    panel ??= new Panel(state.loaded.card);
  }
  if (!isDialogOpen()) panel.open();
}

class Panel {
  /** @type {TrainingRun | null} */ #run = null;
  #chooser;
  #setup;
  #progress;
  #dialog;
  #kept = new KeptRun({
    resume: () => this.#resume(),
    use: openModel,
    deleted: () => this.#setSafe(),
    fail: (error) => this.#fail(error),
  });
  #form = element("div", "", { className: "train-form" });
  #start = element("button", "Train", { type: "button", id: "train-start", className: "primary" });
  #hint = element("p", "", { className: "hint", id: "train-hint" });
  #problem = element("div", "", { className: "train-problem", id: "train-problem", hidden: true });
  /** Whether the adapter is software, whose speed is still to be measured. */ #measure = false;
  /** Whether a run is being made. */ #making = false;
  /** The images that the run has which is kept in this browser. @type {Set<import("./images.js").TrainingImage>} */
  #safe = new Set();
  /** What the buttons of a run do. @type {Record<import("./progress.js").Action, () => Promise<void>>} */
  #acts = {
    toggle: () => this.#toggle(),
    back: async () => this.#run?.back(),
    leave: () => this.#leave(),
    use: () => this.#use(),
    download: () => this.#download(),
  };

  /** @param {import("../types.js").Card} card of the page's model */
  constructor(card) {
    const model = { label: modelLabel ?? card.name, card };
    this.#setup = new Setup(model, freeName(), () => this.#changed());
    this.#chooser = new ImageChooser(this.#setup.shape, this.#setup.paper, () => this.#counted());
    this.#progress = new ProgressView(
      () => this.#run,
      (action) => this.#acts[action]().catch((error) => this.#fail(error)),
    );
    state.trains = () => this.#run?.busy ?? false;
    state.unsaved = () => this.#unsaved;
    this.#problem.setAttribute("role", "alert");
    this.#start.addEventListener("click", () => this.#begin().catch((error) => this.#fail(error)));
    const go = element("div", "", { className: "train-go" });
    go.append(this.#start, this.#hint, this.#problem);
    const right = element("div", "", { className: "train-side" });
    right.append(this.#setup.root, go);
    this.#form.append(this.#chooser.root, right);
    const promise = element(
      "p",
      "A network learns your images here, while you watch. Everything stays on this device: nothing is uploaded.",
      { className: "train-promise" },
    );
    this.#dialog = dialogOf("training", "Train your own", [
      promise,
      this.#kept.root,
      this.#form,
      this.#progress.root,
    ]);
    // Training goes on only while one can see it.
    this.#dialog.addEventListener("close", () => this.#run?.pause().catch(console.warn));
    takeFiles(
      this.#dialog,
      () => !this.#form.hidden,
      (files) => this.#chooser.take(files).catch((error) => this.#fail(error)),
    );
    engines.adapter.then(
      ({ software }) => {
        this.#measure = software;
        if (software) this.#setup.setSoftware(true);
      },
      (error) => this.#fail(error),
    );
    this.#counted();
  }

  open() {
    // The page's own run and the training would slow each other down.
    pageRun.pause();
    this.#showKept().catch(console.warn);
    this.#dialog.showModal();
  }

  /** Whether something is nowhere else: images that were drawn or chosen, or what a run has learned. */
  get #unsaved() {
    const images = this.#chooser?.images.list ?? [];
    return this.#run?.keeps === false || images.some((image) => !this.#safe.has(image));
  }

  /** Notes which images the kept run has. @param {Set<import("./images.js").TrainingImage>} [images] */
  #setSafe(images = new Set()) {
    this.#safe = images;
    this.#guard();
  }

  /** The browser asks the visitor before something is lost. Firefox keeps no page that listens for going back to it. */
  #guard() {
    if (this.#unsaved) addEventListener("beforeunload", askFirst);
    else removeEventListener("beforeunload", askFirst);
  }

  /** The images have changed. */
  #counted() {
    this.#guard();
    const { length } = this.#chooser?.images.list ?? [];
    this.#start.disabled = !length;
    this.#hint.textContent = advice(length);
    if (length) this.#setup.suitImages(this.#chooser.images.colored);
  }

  /** The form has changed. */
  #changed() {
    this.#problem.hidden = true;
    this.#chooser?.reshape(this.#setup.shape, this.#setup.paper);
  }

  /** Offers the run that is kept in this browser, unless it goes on here. */
  async #showKept() {
    if (this.#run) this.#kept.root.hidden = true;
    else await this.#kept.show();
  }

  /** Trains what the form says. */
  async #begin() {
    this.#problem.hidden = true;
    const chosen = await this.#chooser.ready();
    const plan = this.#setup.plan(chosen.list.length);
    const images = augmented(chosen.bytes(), chosen.shape);
    const model = this.#setup.fromModel ? state.loaded?.bytes : undefined;
    const sources = new Set(chosen.list);
    await this.#make({ plan, images, model }, { onKept: () => this.#setSafe(sources) });
  }

  async #resume() {
    const { id, checkpoint, ...beginning } = await readRun();
    if (checkpoint) return this.#make(beginning, { id, checkpoint });
    this.#kept.damaged(beginning.plan.name, () => this.#make(beginning));
  }

  /**
   * Makes a run, and begins with it or goes on.
   * @param {Omit<import("./kept.js").Beginning, "id">} beginning
   * @param {{ id?: string, checkpoint?: Uint8Array, onKept?: () => void }} [more] which run it is if there is one already, its
   *   checkpoint, and what to do whenever the browser has kept it
   */
  async #make(beginning, { id, checkpoint, onKept } = {}) {
    // A second click, on “Train” or on “Continue training”, may come before there is a run.
    if (this.#making || this.#run) return;
    this.#making = true;
    // If it were disabled, it would lose the focus.
    this.#start.ariaDisabled = "true";
    try {
      const { software } = await engines.adapter;
      const Trainer = await fetchTrainer();
      this.#measure = software;
      this.#progress.clear();
      // Where pages over http:// cannot make a name, they have no adapter, either: that has been said by now.
      const named = { ...beginning, id: id ?? crypto.randomUUID() };
      const run = (this.#run = new TrainingRun(Trainer, named, {
        onState: () => this.#progress.state(),
        onReport: () => this.#reported(),
        onSamples: (samples) => this.#progress.samples(samples),
        onTrouble: (error) => this.#troubled(error),
        onKept,
        onNoSamples: () =>
          this.#progress.note("The GPU had no room for samples, so some are missing."),
        onNotKept: (why) => {
          this.#setSafe();
          this.#progress.note(
            `This browser cannot keep the run, so download the model at the end. (${why})`,
          );
        },
      }));
      this.#showRun(true);
      this.#progress.state();
      await run.prepare(checkpoint);
      if (run.step >= run.plan.steps) await this.#more();
      this.#goOn();
    } catch (error) {
      this.#run?.end();
      this.#run = null;
      this.#showRun(false);
      await this.#showKept().catch(console.warn);
      throw error;
    } finally {
      this.#making = false;
      this.#start.ariaDisabled = "false";
    }
  }

  /** Goes on, unless the panel was closed meanwhile. */
  #goOn() {
    if (this.#dialog.open) this.#run?.start();
  }

  /** @param {boolean} on */
  #showRun(on) {
    this.#guard();
    this.#form.hidden = on;
    this.#kept.root.hidden = true;
    this.#progress.root.hidden = !on;
    // The element with the focus may be hidden now, so screen readers continue here.
    if (on) this.#progress.root.focus();
    else if (this.#start.disabled) focusTitle(this.#dialog);
    else this.#start.focus();
  }

  /** On an adapter in software, asks whether to wait that long once that is known. */
  #reported() {
    this.#progress.report();
    const run = this.#run;
    if (!run || !this.#measure || run.losses.length < MEASURED) return;
    this.#measure = false;
    const { secondsLeft, plan } = run;
    if (secondsLeft === undefined || secondsLeft < LONG_S) return;
    run.pause().catch((error) => this.#fail(error));
    const small = () => void this.#small().catch((error) => this.#fail(error));
    const isSmall = !run.fromModel && plan.widths.length > 0;
    const left = plan.steps - run.step;
    const go = () => run.start();
    const trouble = slowness(plan.steps, left, secondsLeft, go, isSmall ? undefined : small);
    this.#progress.trouble(trouble.text, trouble.ways, false);
  }

  async #small() {
    await this.#end();
    this.#setup.chooseSmall();
  }

  /** @param {import("../types.js").TrainerError} error */
  #troubled(error) {
    const run = this.#run;
    if (!run) return;
    const again = (/** @type {Partial<import("../types.js").TrainingPlan>} */ changes) => () =>
      void run.change(changes).then(
        () => this.#goOn(),
        // The run can be tried again, or ended.
        (error) => this.#troubled(error),
      );
    const { text, ways } = troubleOf(error, run.plan, again);
    this.#progress.trouble(text, ways);
  }

  /** Says what went wrong. @param {any} error */
  #fail(error) {
    console.warn(error);
    const lines = error instanceof Failure ? [error.message, ...error.advice] : [error?.message];
    if (this.#run) return this.#progress.trouble(lines.join(" "), []);
    const native = "Without WebGPU, the program trains, too: “cargo run --release -- train”.";
    const kind = error instanceof Failure ? error.kind : "";
    if (["no-webgpu", "no-adapter", "no-answer"].includes(kind)) lines.push(native);
    this.#problem.replaceChildren(
      ...lines
        .filter(Boolean)
        .map((line, at) => element("p", line, { className: at ? "hint" : "" })),
    );
    this.#problem.hidden = false;
  }

  /** Pauses, goes on, or trains on after the last step. */
  async #toggle() {
    const run = this.#run;
    if (run?.state === "running") await run.pause();
    else if (run?.state === "finished") {
      await this.#more();
      this.#goOn();
    } else {
      // The last attempt to go on found no device.
      if (run && !run.usable) await run.change({});
      this.#goOn();
    }
  }

  /** Makes the run twice as long. */
  async #more() {
    const run = this.#run;
    await run?.change({ steps: 2 * run.plan.steps });
  }

  /** Makes the model that of the page. */
  async #use() {
    const run = this.#run;
    if (!run) return;
    await run.pause();
    const bytes = await run.model();
    await run.keep();
    await openModel(fileOf(run.plan.name, bytes));
  }

  async #download() {
    const run = this.#run;
    if (!run) return;
    const file = fileOf(run.plan.name, await run.model());
    saveAs(file, file.name);
  }

  /** Ends the run, or first asks where the browser has not kept what it has learned. */
  async #leave() {
    const run = this.#run;
    if (run?.keeps !== false || !run.step) return this.#end();
    this.#progress.trouble(
      "This browser has not kept the run. When it ends, only a model that you have downloaded is left.",
      [
        { text: "End it", act: () => void this.#end().catch((error) => this.#fail(error)) },
        { text: "Keep it", act() {} },
      ],
      false,
    );
  }

  /** Ends the run, and goes back to the form. */
  async #end() {
    await this.#run?.pause();
    this.#run?.end();
    this.#run = null;
    this.#showRun(false);
    await this.#showKept();
  }
}

/** Has the browser ask the visitor. @param {BeforeUnloadEvent} event */
function askFirst(event) {
  event.preventDefault();
  // Chrome before 119 asks the visitor only if this is set.
  event.returnValue = true;
}

/** A name that no model in this browser has. */
function freeName() {
  const taken = ownNames();
  for (let number = 1; ; number++) {
    const name = number === 1 ? "Mine" : `Mine ${number}`;
    if (!taken.includes(`${name}.safetensors`)) return name;
  }
}
