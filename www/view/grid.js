// @ts-check
/**
 * The frame: the images of all chains on one canvas.
 *
 * The canvas has one pixel per pixel of an image, and CSS scales it by a whole number of device
 * pixels, so that every pixel stays a sharp square. An engine that can draw into the canvas does so
 * itself; the pixels of other engines are painted here.
 */
import { arrange, paintGrid, placeOf, sizeOf } from "./arrange.js";
import { onPixelRatio } from "../dom/pixel-ratio.js";
import { isDrawn } from "../engine/canvas-probe.js";

/** @typedef {import("../engine/engine.js").Chains} Chains */
/** @typedef {import("../types.js").View} View */
/** @typedef {{ left: string, top: string, width: string, height: string }} Place as CSS has it */

export class Grid {
  #canvas;
  /** @type {import("../engine/engine.js").Engine | null} */ #engine = null;
  #frame;
  /** Called when an engine that draws must draw again. */
  onResize = () => {};
  /** Called when images have got other places. */
  onArrange = () => {};
  /** Called in the task that has put images on the canvas. @type {(canvas: HTMLCanvasElement, count: number) => void} */
  onShown = () => {};
  /** @type {CanvasRenderingContext2D | null} null if the engine draws */ #context = null;
  /** @type {{ count: number, width: number, height: number } | null} */ #shape = null;
  /** @type {ReturnType<typeof arrange> | null} */ #arrangement = null;
  /** @type {ImageData | null} */ #image = null;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} frame the space around it
   */
  constructor(canvas, frame) {
    this.#canvas = canvas;
    this.#frame = frame;
    new ResizeObserver(() => this.#fit()).observe(frame);
    onPixelRatio(() => this.#fit());
  }

  /**
   * Takes images from this engine from now on, if it does not already. A canvas has one kind of
   * context for life, so each engine gets a canvas of its own.
   * @param {import("../engine/engine.js").Engine} engine
   */
  use(engine) {
    if (engine === this.#engine) return;
    this.#engine = engine;
    this.#renew();
    if (engine.draws) engine.attach(this.#canvas);
    else this.#context = this.#canvas.getContext("2d");
  }

  /** Replaces the canvas by one without a context. */
  #renew() {
    const canvas = /** @type {HTMLCanvasElement} */ (this.#canvas.cloneNode());
    this.#canvas.replaceWith(canvas);
    this.#canvas = canvas;
    this.#image = null;
    this.#context = null;
  }

  /** @param {number} count @param {number} width @param {number} height */
  shape(count, width, height) {
    const old = this.#shape;
    if (old && old.count === count && old.width === width && old.height === height) return;
    this.#shape = { count, width, height };
    this.#image = null;
    this.#fit();
  }

  /** @param {Chains} chains @param {View} view @param {boolean} passing whether it need not be checked that it is there */
  async draw(chains, view, passing) {
    if (!this.#shape) return;
    if (chains.render && !this.#context) {
      try {
        const arrangement = this.#arrangement;
        if (arrangement) chains.render(view, arrangement.columns, arrangement.gap);
        if (passing || !chains.progress().done || !arrangement || isDrawn(this.#canvas))
          return this.onShown(this.#canvas, this.#shape.count);
      } catch (error) {
        console.warn(error);
      }
      // What should have been drawn is not on the canvas: from now on, paint it here.
      this.#renew();
      this.#context = this.#canvas.getContext("2d");
    }
    const pixels = await chains.pixels(view);
    const { count, width, height } = this.#shape;
    // The shape may have changed since the pixels were requested.
    if (pixels.length !== 4 * count * width * height) return;
    this.#image = new ImageData(/** @type {any} */ (pixels), width, height * count);
    this.#paint();
    this.onShown(this.#canvas, count);
  }

  #fit() {
    if (!this.#shape) return;
    const { count, width, height } = this.#shape;
    const style = getComputedStyle(this.#frame);
    const ratio = window.devicePixelRatio || 1;
    const spaceX =
      (this.#frame.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)) *
      ratio;
    const spaceY =
      (this.#frame.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom)) *
      ratio;
    if (spaceX <= 0 || spaceY <= 0) return;
    const arrangement = arrange(count, width, height, spaceX, spaceY);
    const { columns, rows, gap, scale } = arrangement;
    this.#arrangement = arrangement;
    const [across, down] = sizeOf({ columns, rows, gap, width, height });
    if (this.#canvas.width !== across || this.#canvas.height !== down) {
      this.#canvas.width = across;
      this.#canvas.height = down;
    }
    // If there are more chains than the frame has pixels for, shrink the canvas.
    const shrink = Math.min(1, spaceX / (across * scale), spaceY / (down * scale));
    this.#canvas.style.width = `${(across * scale * shrink) / ratio}px`;
    this.#canvas.style.height = `${(down * scale * shrink) / ratio}px`;
    Object.assign(this.#canvas.dataset, { columns, rows, gap, scale });
    if (this.#context) this.#paint();
    else this.onResize();
    this.onArrange();
  }

  /** Where the images are in the frame. @returns {Place[]} */
  places() {
    if (!this.#shape || !this.#arrangement) return [];
    const { count, width, height } = this.#shape;
    const { columns, gap } = this.#arrangement;
    const { offsetLeft, offsetTop, offsetWidth } = this.#canvas;
    const scale = offsetWidth / this.#canvas.width;
    return Array.from({ length: count }, (_, i) => {
      const [x, y] = placeOf(i, { columns, gap, width, height });
      return {
        left: `${offsetLeft + x * scale}px`,
        top: `${offsetTop + y * scale}px`,
        width: `${width * scale}px`,
        height: `${height * scale}px`,
      };
    });
  }

  #paint() {
    if (!this.#image || !this.#arrangement || !this.#shape || !this.#context) return;
    paintGrid(this.#context, this.#image, this.#shape.height, this.#arrangement);
  }
}
