// @ts-check
/**
 * Variants of a few images: shifted and scaled a little. Without them, a network that is shown the same few images
 * again and again soon makes nothing else.
 */

/** Fewer images than this get variants, and with them there are about so many. */
export const FEW = 20;
const ENOUGH = 96;
/** The largest shift, as a share of the width, and the largest change of size. */
const SHIFT = 0.07;
const SCALE = 0.1;

/** @typedef {import("../types.js").ImageShape} ImageShape */

/**
 * The images, followed by their variants in turns: image i is a variant of image i % count.
 * @param {Uint8Array} images count × channels × height × width @param {ImageShape} shape
 * @returns {Uint8Array}
 */
export function augmented(images, shape) {
  const length = shape.channels * shape.height * shape.width;
  const count = images.length / length;
  if (!count || count >= FEW) return images;
  const turns = Math.ceil(ENOUGH / count);
  const all = new Uint8Array(turns * images.length);
  all.set(images);
  const random = numbers(count);
  for (let at = count; at < turns * count; at++) {
    const from = (at % count) * length;
    const [x, y, size] = [random(), random(), random()].map((value) => 2 * value - 1);
    const change = {
      x: SHIFT * shape.width * x,
      y: SHIFT * shape.height * y,
      scale: 1 + SCALE * size,
    };
    all.set(moved(images.subarray(from, from + length), shape, change), at * length);
  }
  return all;
}

/** The same numbers in [0, 1) every time (Park and Miller 1988). @param {number} seed from 1 */
function numbers(seed) {
  let state = seed;
  return () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
}

/**
 * One image, shifted and scaled about its center, with bilinear interpolation; its edges go on outside of it.
 * @param {Uint8Array} image @param {ImageShape} shape @param {{ x: number, y: number, scale: number }} change
 */
function moved(image, { channels, height, width }, { x, y, scale }) {
  const result = new Uint8Array(image.length);
  const within = (/** @type {number} */ at, /** @type {number} */ size) =>
    Math.min(size - 1, Math.max(0, at));
  for (let row = 0; row < height; row++) {
    const v = within((row - (height - 1) / 2 - y) / scale + (height - 1) / 2, height);
    const [above, low] = [Math.floor(v), v % 1];
    const below = within(above + 1, height);
    for (let column = 0; column < width; column++) {
      const u = within((column - (width - 1) / 2 - x) / scale + (width - 1) / 2, width);
      const [left, far] = [Math.floor(u), u % 1];
      const right = within(left + 1, width);
      for (let c = 0; c < channels; c++) {
        const value = (/** @type {number} */ r, /** @type {number} */ k) =>
          image[(c * height + r) * width + k];
        const upper = value(above, left) * (1 - far) + value(above, right) * far;
        const lower = value(below, left) * (1 - far) + value(below, right) * far;
        result[(c * height + row) * width + column] = Math.round(upper * (1 - low) + lower * low);
      }
    }
  }
  return result;
}
