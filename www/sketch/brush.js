// @ts-check
/**
 * Strokes of a brush on pixels.
 *
 * They are painted here and not by the browser's canvas, because antialiasing differs between browsers.
 */

/** The widths of the brushes, in hundredths of the image's width. */
const BRUSHES = [2, 3.5, 6, 9, 14];

/** @typedef {{ x: number, y: number }} Point in pixels of the image */

/** @param {string} color as #rrggbb @returns {number[]} */
export const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

/** The distance of a point from a segment. @param {number} x @param {number} y @param {Point} from @param {Point} to */
function distance(x, y, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const t = length ? Math.min(1, Math.max(0, ((x - from.x) * dx + (y - from.y) * dy) / length)) : 0;
  return Math.hypot(x - from.x - t * dx, y - from.y - t * dy);
}

export class Stroke {
  #image;
  #last;
  #before;
  /** How much of each pixel it covers so far, from 0 to 1. */
  #cover;
  #radius;
  #paper;
  #color;

  /**
   * @param {ImageData} image that is painted on; its pixels are opaque, or holes
   * @param {Point} start
   * @param {{ brush: number, paper: string, color: string | null }} tool the number of the brush, from 1; `color` is
   *   null for an eraser, and `paper` is what shines through where a stroke is thin over a hole
   */
  constructor(image, start, { brush, paper, color }) {
    this.#image = image;
    this.#last = start;
    this.#before = image.data.slice();
    this.#cover = new Float32Array(image.data.length / 4);
    this.#radius = Math.max(0.5, (BRUSHES[brush - 1] * image.width) / 100);
    this.#paper = channels(paper);
    this.#color = color === null ? null : channels(color);
  }

  /** Continues the stroke in a straight line. @param {Point} to */
  to(to) {
    const { width, height, data } = this.#image;
    const [before, covers] = [this.#before, this.#cover];
    // The pixels that the stroke can reach: those of a rectangle around the line.
    const reach = this.#radius + 0.5;
    const range = (/** @type {"x" | "y"} */ axis, /** @type {number} */ size) => {
      const ends = [this.#last[axis], to[axis]];
      const first = Math.max(0, Math.floor(Math.min(...ends) - reach));
      return [first, Math.min(size, Math.ceil(Math.max(...ends) + reach))];
    };
    const [[left, right], [top, bottom]] = [range("x", width), range("y", height)];
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const far = distance(x + 0.5, y + 0.5, this.#last, to);
        const cover = Math.min(1, Math.max(0, this.#radius + 0.5 - far));
        const pixel = y * width + x;
        // A stroke is not thicker where it crosses itself.
        if (cover <= covers[pixel]) continue;
        covers[pixel] = cover;
        const at = 4 * pixel;
        if (!this.#color) {
          if (cover >= 0.5) data.fill(0, at, at + 4);
          continue;
        }
        const under = before[at + 3] === 0 ? this.#paper : before.subarray(at, at + 3);
        for (let c = 0; c < 3; c++) data[at + c] = under[c] + cover * (this.#color[c] - under[c]);
        data[at + 3] = 255;
      }
    }
    this.#last = to;
  }
}
