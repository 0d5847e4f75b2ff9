// @ts-check
/** The images of one step, copied from the GPU. */
import { arrange, placeOf, sizeOf } from "../www/view/arrange.js";
import { NcsnError } from "./errors.js";

/** @typedef {import("./types.js").Layout} Layout */

/** Space in which an arrangement has to fit: any that is large and square. */
const SPACE = 1 << 16;

/** @import { Frame as Interface } from "./types.js" */
/** @implements {Interface} */
export class Frame {
  #pixels;

  /**
   * @param {Uint8ClampedArray<ArrayBuffer>} pixels RGBA, one image after the other
   * @param {import("../www/types.js").Progress} progress
   * @param {{ count: number, width: number, height: number }} shape
   */
  constructor(pixels, { step, steps, sigma, done }, { count, width, height }) {
    this.#pixels = pixels;
    this.step = step;
    this.steps = steps;
    this.progress = steps ? step / steps : 1;
    this.sigma = sigma;
    this.done = done;
    this.count = count;
    this.width = width;
    this.height = height;
  }

  pixels() {
    return this.#pixels;
  }

  /** @param {number} index */
  image(index) {
    if (!(index >= 0 && index < this.count))
      throw new NcsnError("bad-option", `there are images 0 to ${this.count - 1}, but no ${index}`);
    const bytes = 4 * this.width * this.height;
    return new ImageData(
      this.#pixels.slice(index * bytes, (index + 1) * bytes),
      this.width,
      this.height,
    );
  }

  /** @param {HTMLCanvasElement | OffscreenCanvas} canvas @param {Layout} [layout] */
  draw(canvas, layout) {
    const all = this.#arranged(layout);
    // Setting a size clears the canvas, so that it would flicker.
    if (canvas.width !== all.width || canvas.height !== all.height)
      Object.assign(canvas, { width: all.width, height: all.height });
    const context = /** @type {CanvasRenderingContext2D | null} */ (canvas.getContext("2d"));
    if (!context)
      throw new NcsnError("bad-option", "the canvas has another context than “2d”: use a new one");
    context.putImageData(all, 0, 0);
  }

  /** @param {Layout & { type?: string, quality?: number }} [options] */
  async toBlob({ type = "image/png", quality, ...layout } = {}) {
    const canvas = new OffscreenCanvas(1, 1);
    this.draw(canvas, layout);
    return canvas.convertToBlob({ type, quality });
  }

  /** All images side by side. @param {Layout} [layout] */
  #arranged({ columns, gap = 1, scale = 1 } = {}) {
    const { count, width, height } = this;
    const across = columns ?? arrange(count, width, height, SPACE, SPACE).columns;
    for (const [name, value, least] of /** @type {const} */ ([
      ["columns", across, 1],
      ["gap", gap, 0],
      ["scale", scale, 1],
    ]))
      if (!Number.isInteger(value) || value < least)
        throw new NcsnError(
          "bad-option",
          `${name} must be a whole number from ${least}, but is ${value}`,
        );
    const rows = Math.ceil(count / across);
    const grid = { columns: across, rows, gap, width: width * scale, height: height * scale };
    const all = new ImageData(...sizeOf(grid));
    // A pixel at a time, as one number.
    const [from, to] = [this.#pixels, all.data].map(
      ({ buffer, byteOffset, byteLength }) => new Uint32Array(buffer, byteOffset, byteLength / 4),
    );
    for (let index = 0; index < count; index++) {
      const [left, top] = placeOf(index, grid);
      for (let y = 0; y < grid.height; y++) {
        const row = (index * height + Math.floor(y / scale)) * width;
        const target = (top + y) * all.width + left;
        for (let x = 0; x < grid.width; x++) to[target + x] = from[row + Math.floor(x / scale)];
      }
    }
    return all;
  }
}
