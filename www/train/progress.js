// @ts-check
/** The third part of the panel: a run under way. */
import { element } from "../dom/dom.js";
import { formatDuration } from "../dom/format.js";
import { LossPlot, lossNow } from "./plot.js";
import { SamplesView } from "./samples.js";

/** @typedef {import("./run.js").TrainingRun} TrainingRun */
/** What the buttons do, row by row. */
const ROWS = /** @type {const} */ ([
  ["toggle", "back", "leave"],
  ["use", "download"],
]);
/** @typedef {typeof ROWS[number][number]} Action */
/** @typedef {{ text: string, act: () => void }} Way out of trouble */

export class ProgressView {
  root = element("section", "", { className: "train-run", hidden: true, tabIndex: -1 });
  #run;
  #plot = new LossPlot();
  #samples = new SamplesView();
  #readings = /** @type {Record<string, HTMLElement>} */ ({});
  #buttons = /** @type {Record<Action, any>} */ ({});
  #status = element("p", "", { className: "hint", id: "train-status" });
  #trouble = element("div", "", { className: "train-trouble", id: "train-trouble", hidden: true });
  #note = element("p", "", { className: "hint", id: "train-note" });

  /** @param {() => TrainingRun | null} run @param {(action: Action) => void} onAction */
  constructor(run, onAction) {
    this.#run = run;
    const list = element("dl", "", { className: "train-readings" });
    for (const [name, title] of [
      ["step", "step"],
      ["loss", "loss"],
      ["speed", "images/s"],
      ["left", "left"],
    ]) {
      const value = element("output", "–", { id: `train-${name}` });
      value.setAttribute("aria-live", "off");
      const row = element("div");
      const definition = element("dd");
      definition.append(value);
      row.append(element("dt", title), definition);
      list.append(row);
      this.#readings[name] = value;
    }
    const [steer, finish] = ROWS.map((actions) => {
      const keys = element("div", "", { className: "train-keys" });
      for (const action of actions) {
        const button = element("button", "", { type: "button", id: `train-${action}` });
        button.addEventListener("click", () => onAction(action));
        this.#buttons[action] = button;
        keys.append(button);
      }
      return keys;
    });
    this.#buttons.use.textContent = "Finish and use it here";
    this.#buttons.download.textContent = "Download the model";
    this.#buttons.leave.textContent = "New run…";
    this.#status.setAttribute("role", "status");
    this.#trouble.setAttribute("role", "alert");
    const figure = element("div", "", { className: "train-course" });
    figure.append(
      list,
      this.#plot.svg,
      element(
        "p",
        "The loss is how badly the network guesses the noise: near 1 it is no better than always answering 0. It jumps, for every step draws other images and other noise.",
        { className: "hint" },
      ),
      steer,
      this.#status,
      this.#trouble,
      finish,
      this.#note,
    );
    this.root.append(figure, this.#samples.root);
  }

  /** Shows how far the run is. */
  report() {
    const run = this.#run();
    if (!run) return;
    const { step, plan, speed, secondsLeft } = run;
    this.#readings.step.textContent = `${step} / ${plan.steps}`;
    this.#readings.loss.textContent = lossNow(run.losses)?.toFixed(3) ?? "–";
    this.#readings.speed.textContent = speed ? speed.toPrecision(3).replace(/\.0*$/, "") : "–";
    this.#readings.left.textContent =
      secondsLeft === undefined || run.state === "finished" ? "–" : formatDuration(secondsLeft);
    this.#plot.show(run.losses, plan.steps);
    const ready = run.state !== "preparing";
    const { back, use, download } = this.#buttons;
    back.textContent = run.before === undefined ? "Undo" : `Undo to step ${run.before}`;
    back.disabled = !ready || run.before === undefined;
    for (const button of [use, download]) button.disabled = !ready || run.step === 0;
    // A button that is disabled loses the focus, and the keyboard would lose its place.
    const focused = /** @type {HTMLButtonElement | null} */ (document.activeElement);
    if (focused?.disabled && this.root.contains(focused)) this.root.focus({ preventScroll: true });
  }

  /** Shows what the run does. */
  state() {
    const run = this.#run();
    if (!run) return;
    const ready = run.state !== "preparing";
    const { toggle, use, leave } = this.#buttons;
    toggle.textContent =
      run.state === "running" ? "Pause" : run.state === "finished" ? "Train on" : "Continue";
    toggle.classList.toggle("primary", run.state !== "finished");
    use.classList.toggle("primary", run.state === "finished");
    for (const button of [toggle, leave]) button.disabled = !ready;
    if (run.state === "running") {
      this.#trouble.hidden = true;
      this.#setAsks(false);
    }
    /** @type {Record<string, string>} */
    const words = {
      preparing: "Preparing: testing this GPU’s arithmetic and choosing kernels…",
      running: "Training.",
      pausing: "Pausing…",
      paused: "Paused.",
      finished: "Finished. Use it, download it, or train on.",
    };
    this.#status.textContent = words[run.state];
    this.report();
  }

  /** @param {import("./run.js").Samples} samples */
  samples(samples) {
    const run = this.#run();
    if (!run) return;
    const { images, originals, plan } = run;
    this.#samples.show(samples, { images, originals, shape: plan.imageShape });
    this.report();
  }

  /**
   * Says what is wrong, and what one can do.
   * @param {string} text @param {Way[]} ways @param {boolean} [wrong] or only to be decided
   */
  trouble(text, ways, wrong = true) {
    const actions = element("div", "", { className: "train-keys" });
    for (const { text, act } of ways) {
      const button = element("button", text, { type: "button" });
      button.addEventListener("click", () => {
        this.#trouble.hidden = true;
        this.#setAsks(false);
        // The button had the focus.
        this.root.focus({ preventScroll: true });
        act();
      });
      actions.append(button);
    }
    this.#setAsks(!wrong);
    this.#trouble.replaceChildren(element("p", text), actions);
    this.#trouble.hidden = false;
  }

  /** Says whether the visitor is to decide: then the ways to do so take the place of the button that goes on. @param {boolean} on */
  #setAsks(on) {
    this.#trouble.classList.toggle("asks", on);
    const { toggle } = this.#buttons;
    if (on && document.activeElement === toggle) this.root.focus({ preventScroll: true });
    toggle.hidden = on;
  }

  /** @param {string} text beside everything else, where it is said once */
  note(text) {
    const { textContent } = this.#note;
    if (!textContent.includes(text)) this.#note.textContent = `${textContent} ${text}`.trim();
  }

  /** Takes away what belonged to an earlier run. */
  clear() {
    this.#trouble.hidden = true;
    this.#setAsks(false);
    this.#note.textContent = "";
  }
}
