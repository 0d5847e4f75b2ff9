// @ts-check
/**
 * The σ schedule: log σ against the step, with a cursor at the current step.
 *
 * The curve goes through the colors of cooling steel; the reading beside it has the same color
 * (see `--heat` in style.css).
 */
import { MARGIN, element, label } from "../dom/svg.js";

export class SchedulePlot {
  #svg;
  /** @type {Float32Array} */ #sigmas = new Float32Array(0);
  #step = 0;
  #sigma = 0;
  /** @type {{ x: (step: number) => number, y: (sigma: number) => number, past: Element, needle: Element, dot: Element, top: number, bottom: number } | null} */
  #parts = null;

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.#svg = svg;
    new ResizeObserver(() => this.#build()).observe(svg);
  }

  /** @param {Float32Array} sigmas σ of every step */
  set(sigmas) {
    const same =
      sigmas.length === this.#sigmas.length &&
      sigmas.every((sigma, at) => sigma === this.#sigmas[at]);
    this.#sigmas = sigmas;
    this.#step = 0;
    this.#sigma = sigmas[0] ?? 0;
    if (same) this.#move();
    else this.#build();
  }

  /**
   * @param {number} step steps done @param {number} sigma
   * @returns {number} where σ is on the scale of colors: 0 at the largest, 1 at the smallest
   */
  cursor(step, sigma) {
    this.#step = step;
    this.#sigma = sigma;
    this.#move();
    return this.#cold(sigma);
  }

  /** Which step is at a place of the window. @param {number} x */
  stepAt(x) {
    const { left, width } = this.#svg.getBoundingClientRect();
    const far = (x - left - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
    return Math.round(Math.min(1, Math.max(0, far)) * this.#sigmas.length);
  }

  /** @param {number} sigma */
  #cold(sigma) {
    const [max, min] = this.#range();
    return max > min ? Math.min(1, Math.max(0, Math.log(max / sigma) / Math.log(max / min))) : 1;
  }

  #range() {
    let max = -Infinity;
    let min = Infinity;
    for (const sigma of this.#sigmas) {
      if (sigma > max) max = sigma;
      if (sigma > 0 && sigma < min) min = sigma;
    }
    return [max, min];
  }

  #build() {
    const { clientWidth: width, clientHeight: height } = this.#svg;
    const steps = this.#sigmas.length;
    if (!steps || !width) return;
    const [max, min] = this.#range();
    const high = Math.log10(max) + 0.06;
    const low = Math.log10(min) - 0.06;
    const right = width - MARGIN.right;
    const bottom = height - MARGIN.bottom;
    const x = (/** @type {number} */ step) => MARGIN.left + ((right - MARGIN.left) * step) / steps;
    const y = (/** @type {number} */ sigma) =>
      MARGIN.top +
      ((bottom - MARGIN.top) * (high - Math.log10(Math.max(sigma, min)))) / (high - low);

    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.replaceChildren();
    const defs = element("defs", {}, this.#svg);
    const gradient = element(
      "linearGradient",
      { id: "cooling", gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: y(max), y2: y(min) },
      defs,
    );
    for (let i = 0; i <= 8; i++) {
      const stop = /** @type {SVGStopElement} */ (element("stop", { offset: i / 8 }, gradient));
      // Not as an attribute, which a policy may forbid.
      stop.style.stopColor = `color-mix(in oklch decreasing hue, var(--hot), var(--cold) ${(100 * i) / 8}%)`;
    }
    const clip = element("clipPath", { id: "past" }, defs);
    const past = element("rect", { x: 0, y: 0, width: 0, height }, clip);

    // The scale: a rule with a long mark at each power of ten and short ones between.
    const scale = element("g", { class: "scale" }, this.#svg);
    for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
      for (let digit = 1; digit < 10; digit++) {
        const sigma = digit * 10 ** power;
        if (Math.log10(sigma) > high || Math.log10(sigma) < low) continue;
        const at = Math.round(y(sigma)) + 0.5;
        element(
          "line",
          {
            x1: MARGIN.left - (digit === 1 ? 9 : digit === 5 ? 6 : 4),
            x2: MARGIN.left,
            y1: at,
            y2: at,
          },
          scale,
        );
        if (digit === 1) {
          element("line", { class: "rule", x1: MARGIN.left, x2: right, y1: at, y2: at }, scale);
          label(scale, sigma >= 1 ? String(Math.round(sigma)) : sigma.toFixed(-power), {
            x: MARGIN.left - 12,
            y: at,
            dy: "0.35em",
            "text-anchor": "end",
          });
        }
      }
    }
    element(
      "line",
      { x1: MARGIN.left + 0.5, x2: MARGIN.left + 0.5, y1: MARGIN.top, y2: bottom },
      scale,
    );
    element("line", { x1: MARGIN.left, x2: right, y1: bottom + 0.5, y2: bottom + 0.5 }, scale);
    label(scale, "0", { x: MARGIN.left, y: bottom + 16, "text-anchor": "middle" });
    label(scale, String(steps), { x: right, y: bottom + 16, "text-anchor": "end" });
    label(scale, "step", { x: (MARGIN.left + right) / 2, y: bottom + 16, "text-anchor": "middle" });
    // The curve falls, so this corner is free.
    label(scale, "σ, logarithmic", { x: right - 8, y: MARGIN.top + 8, "text-anchor": "end" });

    // Each step has one σ, which makes a staircase. Equal neighbors share a tread.
    let path = `M${x(0)} ${y(this.#sigmas[0])}`;
    for (let i = 1; i < steps; i++) {
      if (this.#sigmas[i] !== this.#sigmas[i - 1])
        path += `H${x(i).toFixed(2)}V${y(this.#sigmas[i]).toFixed(2)}`;
    }
    path += `H${x(steps)}`;
    element("path", { class: "curve future", d: path }, this.#svg);
    element("path", { class: "curve", d: path, "clip-path": "url(#past)" }, this.#svg);
    const needle = element("line", { class: "needle", y1: MARGIN.top - 4, y2: bottom }, this.#svg);
    const dot = element("circle", { class: "dot", r: 4.5 }, this.#svg);
    this.#parts = { x, y, past, needle, dot, top: MARGIN.top, bottom };
    this.#move();
  }

  #move() {
    if (!this.#parts) return;
    const { x, y, past, needle, dot } = this.#parts;
    const at = x(Math.min(this.#step, this.#sigmas.length));
    past.setAttribute("width", String(at));
    needle.setAttribute("x1", String(at));
    needle.setAttribute("x2", String(at));
    dot.setAttribute("cx", String(at));
    dot.setAttribute("cy", String(y(this.#sigma)));
  }
}
