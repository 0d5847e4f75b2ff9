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
    const fit = (/** @type {number} */ gap) =>
      Math.floor(
        Math.min(spaceX / (columns * (width + gap) - gap), spaceY / (rows * (height + gap) - gap)),
      );
    const scale = Math.max(1, fit(1));
    const gap = scale > 1 && fit(2) === scale ? 2 : 1;
    const empty = columns * rows - count;
    const skew = Math.abs(Math.log((columns * width) / (rows * height)));
    const better = scale - best.scale || best.empty - empty || best.skew - skew;
    if (better > 0) best = { columns, rows, gap, scale, empty, skew };
  }
  return best;
}
