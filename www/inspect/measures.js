// @ts-check
/**
 * Two small plots beneath the curve of σ, measured on some of the images: the size of σ s(x̃, σ) at each step, and how
 * much the step changes. The page fetches this when the visitor opens them.
 */
import { $ } from "../dom/dom.js";
import { countOf, formatSigma } from "../dom/format.js";
import { announce, showSilently } from "../dom/live-region.js";
import { state } from "../state/state.js";
import { MARGIN, element, label } from "../dom/svg.js";
import { nearestTo } from "../view/film.js";
import { rms, scaledScore, trace } from "./trace.js";

/** On how many images it is measured: each step takes another evaluation for these. */
const IMAGES = 4;
const TOP = 6;
const BOTTOM = 4;

/** @typedef {{ progress: import("../types.js").Progress, value: number }} Point at a step */

/** A quantity against the step. */
class SmallPlot {
  /** What is measured, in words. */
  name;
  #svg;
  #reading;
  #logarithmic;
  /** @type {Point[]} */ #points = [];
  #steps = 1;
  #step = 0;
  /** The size at which it is shown. To ask for it after a change of the page would make the browser lay that out at once. */
  #size = { width: 0, height: 0 };

  /** @param {string} id of its parts @param {{ name: string, logarithmic: boolean }} options */
  constructor(id, { name, logarithmic }) {
    this.#svg = $(id);
    this.#reading = $(`${id}-reading`);
    this.name = name;
    this.#logarithmic = logarithmic;
    new ResizeObserver(([{ contentRect }]) => {
      this.#size = contentRect;
      this.#build();
    }).observe(this.#svg);
  }

  /** @param {number} steps of the run */
  clear(steps) {
    this.#points = [];
    this.#steps = steps;
    this.#build();
  }

  /** @param {Point} point after those that there are */
  add(point) {
    this.#points.push(point);
    this.#build();
  }

  /** Shows the value at a step. @param {number} step */
  cursor(step) {
    this.#step = step;
    const at = this.#x(step);
    for (const name of ["x1", "x2"])
      this.#svg.querySelector(".needle")?.setAttribute(name, String(at));
    const nearest = nearestTo(step, this.#points);
    this.#reading.textContent = nearest ? formatSigma(nearest.value) : "–";
  }

  /** @param {number} step */
  #x(step) {
    const right = this.#size.width - MARGIN.right;
    return MARGIN.left + ((right - MARGIN.left) * step) / this.#steps;
  }

  /** The smallest and the largest value on the axis. */
  #range() {
    const values = this.#points.map(({ value }) => value).filter((value) => value > 0);
    const [min, max] = [Math.min(...values), Math.max(...values)];
    if (!this.#logarithmic) return [0, Math.max(1.25, max * 1.1)];
    return [10 ** Math.floor(Math.log10(min) + 0.01), 10 ** Math.ceil(Math.log10(max) - 0.01)];
  }

  #build() {
    const { width, height } = this.#size;
    if (!width) return;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.replaceChildren();
    const bottom = height - BOTTOM;
    const right = width - MARGIN.right;
    const scale = element("g", { class: "scale" }, this.#svg);
    const edge = { x1: MARGIN.left + 0.5, x2: MARGIN.left + 0.5, y1: TOP, y2: bottom };
    element("line", edge, scale);
    element("line", { x1: MARGIN.left, x2: right, y1: bottom + 0.5, y2: bottom + 0.5 }, scale);
    if (this.#points.some(({ value }) => value > 0)) {
      const [min, max] = this.#range();
      const on = (/** @type {number} */ value) =>
        this.#logarithmic ? Math.log10(Math.max(value, min)) : value;
      const y = (/** @type {number} */ value) =>
        bottom - ((bottom - TOP) * (on(value) - on(min))) / (on(max) - on(min) || 1);
      // The mark at 1 is the score of images that have exactly the noise of the level.
      for (const mark of this.#logarithmic ? [min, max] : [1]) {
        const at = Math.round(y(mark)) + 0.5;
        element("line", { class: "rule", x1: MARGIN.left, x2: right, y1: at, y2: at }, scale);
        const place = { x: MARGIN.left - 6, y: at, dy: "0.35em", "text-anchor": "end" };
        label(scale, String(Number(mark.toPrecision(1))), place);
      }
      const path = this.#points.map(
        ({ progress, value }, at) =>
          `${at ? "L" : "M"}${this.#x(progress.step).toFixed(2)} ${y(value).toFixed(2)}`,
      );
      element("path", { class: "measured", d: path.join("") }, this.#svg);
      const [first, last] = [this.#points[0], this.#points[this.#points.length - 1]];
      this.#svg.setAttribute(
        "aria-label",
        `${this.name}: ${formatSigma(first.value)} at step ${first.progress.step}, ${formatSigma(last.value)} at step ${last.progress.step}`,
      );
    }
    element("line", { class: "needle", y1: TOP - 4, y2: bottom }, this.#svg);
    this.cursor(this.#step);
  }
}

/** The first plot: the guess of weights that are tuned for the sampler “consistency” does not belong to a score. */
const NAMES = { score: "Size of the score", way: "Size of the way to the guess" };

export class Measures {
  #score = new SmallPlot("measured-score", { name: NAMES.score, logarithmic: false });
  #change = new SmallPlot("measured-change", { name: "Change per step", logarithmic: true });
  /** @type {import("../state/state.js").Made | null} what they are of */ #made = null;
  #measuring = new AbortController();
  /** Whether all steps are measured. */
  #whole = false;

  /** Measures the images on the screen, unless that is done or under way. */
  async measure() {
    const { made, progress } = state;
    if (!made || made === this.#made || !$("measures").open) return;
    this.#measuring.abort();
    const { signal } = (this.#measuring = new AbortController());
    [this.#made, this.#whole] = [made, false];
    const few = made.settings.sampler === "consistency";
    this.#score.name = few ? NAMES.way : NAMES.score;
    $("measured-score-name").textContent = this.#score.name;
    $("measures-hint").hidden = $("measured-score-symbol").hidden = few;
    this.#score.clear(progress?.steps ?? 1);
    this.#change.clear(progress?.steps ?? 1);
    const count = Math.min(IMAGES, made.chains);
    const status = $("measures-status");
    try {
      announce(status, "Measuring…");
      const whole = await trace(
        0,
        count,
        (step) => {
          if (signal.aborted) return;
          const { progress, noisy, before } = step;
          if (!progress.done) this.#score.add({ progress, value: rms(scaledScore(step)) });
          if (before) this.#change.add({ progress, value: rms(noisy, before) });
          if (!progress.done)
            showSilently(status, `Measuring: step ${progress.step} of ${progress.steps}`);
        },
        signal,
      );
      if (signal.aborted) return;
      this.#whole = whole;
      if (whole) announce(status, `Measured on ${countOf(count, "image")}.`);
      else this.#forget();
    } catch (error) {
      if (signal.aborted) return;
      const { message } = /** @type {Error} */ (error);
      announce(status, `This could not be measured: ${message ?? error}`);
    }
  }

  /** Measures no longer. What is not whole begins anew the next time. */
  stop() {
    if (!this.#whole) this.#forget();
  }

  /** Empties the plots, so that the same images can be measured again. */
  #forget() {
    this.#measuring.abort();
    this.#made = null;
    this.#score.clear(1);
    this.#change.clear(1);
    announce($("measures-status"), "");
  }

  /** Shows the values at a step. @param {number} step */
  cursor(step) {
    if (!$("measures").open) return;
    // Until they are measured again, these are values of other images.
    if (this.#made && state.made !== this.#made) this.#forget();
    this.#score.cursor(step);
    this.#change.cursor(step);
  }
}
