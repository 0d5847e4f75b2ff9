// @ts-check
/** Where images are on a canvas. The page and the npm package share it. */

/**
 * Arranges `count` images of `width` × `height` in a space of device pixels: with the largest
 * whole scale, then the fewest empty places, then the shape nearest to a square.
 * @param {number} count @param {number} width @param {number} height
 * @param {number} spaceX @param {number} spaceY
 */
export function arrange(count, width, height, spaceX, spaceY) {
  let best = { columns: 1, rows: count, gap: 1, scale: 0, empty: 0, skew: Infinity };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const fit = (/** @type {number} */ gap) => {
      const [across, down] = sizeOf({ columns, rows, gap, width, height });
      return Math.floor(Math.min(spaceX / across, spaceY / down));
    };
    const scale = Math.max(1, fit(1));
    const gap = scale > 1 && fit(2) === scale ? 2 : 1;
    const empty = columns * rows - count;
    const skew = Math.abs(Math.log((columns * width) / (rows * height)));
    const better = scale - best.scale || best.empty - empty || best.skew - skew;
    if (better > 0) best = { columns, rows, gap, scale, empty, skew };
  }
  return best;
}

/**
 * The width and the height of a grid of images of `width` × `height`.
 * @param {{ columns: number, rows: number, gap: number, width: number, height: number }} grid
 * @returns {[number, number]}
 */
export const sizeOf = ({ columns, rows, gap, width, height }) => [
  columns * (width + gap) - gap,
  rows * (height + gap) - gap,
];

/**
 * The place of an image among images of `width` × `height` in so many columns.
 * @param {number} index @param {{ columns: number, gap: number, width: number, height: number }} grid
 * @returns {[number, number]} of its upper left corner
 */
export const placeOf = (index, { columns, gap, width, height }) => [
  (index % columns) * (width + gap),
  Math.floor(index / columns) * (height + gap),
];

/**
 * Paints images where they belong.
 * @param {CanvasRenderingContext2D} context @param {ImageData} images one below the other
 * @param {number} height of each @param {{ columns: number, gap: number }} grid
 */
export function paintGrid(context, images, height, { columns, gap }) {
  const { width } = images;
  for (let i = 0; i < images.height / height; i++) {
    const [x, y] = placeOf(i, { columns, gap, width, height });
    context.putImageData(images, x, y - i * height, 0, i * height, width, height);
  }
}
