// @ts-check
/** The loss of a training run against the step, live. */
import { MARGIN, element, label } from "../dom/svg.js";

/** About how many points are drawn; more are averaged. */
const POINTS = 240;
/** How much of the smooth curve is the latest loss. */
const FRESH = 0.1;

/** @typedef {{ step: number, loss: number }} Point */

export class LossPlot {
  svg = /** @type {SVGSVGElement} */ (element("svg", { class: "train-plot", role: "img" }));
  /** @type {readonly Point[]} */ #points = [];
  #steps = 1;

  constructor() {
    this.svg.setAttribute("aria-label", "Loss, no steps yet");
    new ResizeObserver(() => this.#build()).observe(this.svg);
  }

  /** @param {readonly Point[]} points @param {number} steps of the whole run */
  show(points, steps) {
    this.#points = thinned(points);
    this.#steps = steps;
    this.#build();
  }

  #build() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width) return;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    const [bottom, right] = [height - MARGIN.bottom, width - MARGIN.right];
    const scale = element("g", { class: "scale" }, this.svg);
    const x = (/** @type {number} */ step) =>
      MARGIN.left + ((right - MARGIN.left) * step) / this.#steps;
    const ground = { x1: MARGIN.left, x2: right, y1: bottom + 0.5, y2: bottom + 0.5 };
    element("line", ground, scale);
    for (const share of [0, 0.5, 1]) {
      const step = Math.round(share * this.#steps);
      const anchor = ["start", "middle", "end"][2 * share];
      const place = { x: x(step), y: height - 6, "text-anchor": anchor };
      label(scale, share === 1 ? `step ${step}` : String(step), place);
    }
    const smooth = smoothed(this.#points);
    const all = [...this.#points, ...smooth].map(({ loss }) => loss).filter((loss) => loss > 0);
    if (!all.length) return;
    // The axis ends close to the losses, but spans at least a factor of 1.5: scatter must not fill it.
    const low = Math.min(...all) / 1.05;
    const high = Math.max(Math.max(...all) * 1.05, 1.5 * low);
    const y = (/** @type {number} */ loss) =>
      bottom - ((bottom - MARGIN.top) * Math.log(loss / low)) / Math.log(high / low);
    for (const mark of marks(low, high)) {
      const at = Math.round(y(mark)) + 0.5;
      element("line", { class: "rule", x1: MARGIN.left, x2: right, y1: at, y2: at }, scale);
      const place = { x: MARGIN.left - 6, y: at, dy: "0.35em", "text-anchor": "end" };
      label(scale, String(mark), place);
    }
    const line = (/** @type {readonly Point[]} */ points) =>
      points
        .map(({ step, loss }, at) => `${at ? "L" : "M"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`)
        .join("");
    element("path", { class: "raw", d: line(this.#points) }, this.svg);
    element("path", { class: "measured", d: line(smooth) }, this.svg);
    const [first, last] = [smooth[0], smooth[smooth.length - 1]];
    element("circle", { class: "end", cx: x(last.step), cy: y(last.loss), r: 3 }, this.svg);
    this.svg.setAttribute(
      "aria-label",
      `Loss: ${first.loss.toPrecision(2)} at step ${first.step}, ${last.loss.toPrecision(2)} at step ${last.step}`,
    );
  }
}

/** One, two and five times powers of ten; the middle of the axis if it has none of these. @param {number} low @param {number} high */
function marks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const digit of [1, 2, 5]) {
      const mark = Number((digit * 10 ** power).toPrecision(1));
      if (mark >= low && mark <= high) found.push(mark);
    }
  return found.length ? found : [Number(Math.sqrt(low * high).toPrecision(2))];
}

/** @param {readonly Point[]} points */
function thinned(points) {
  const every = Math.ceil(points.length / POINTS);
  if (every <= 1) return points;
  /** @type {Point[]} */
  const result = [];
  for (let at = 0; at < points.length; at += every) {
    const some = points.slice(at, at + every);
    const loss = some.reduce((sum, point) => sum + point.loss, 0) / some.length;
    result.push({ step: some[some.length - 1].step, loss });
  }
  return result;
}

/** An exponential moving average, which begins as a plain one. @param {readonly Point[]} points */
function smoothed(points) {
  let mean = 0;
  return points.map(({ step, loss }, at) => {
    mean += Math.max(FRESH, 1 / (at + 1)) * (loss - mean);
    return { step, loss: mean };
  });
}

/** The loss now, without the scatter of single batches. @param {readonly Point[]} points */
export const lossNow = (points) => smoothed(points).at(-1)?.loss;
