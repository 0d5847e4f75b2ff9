// @ts-check
/** What is wrong with finished images that cannot be right, in words. The page and the npm package share this. */

/** @type {Record<import("../types.js").Fault, string>} */
export const FAULTS = {
  even: "All of an image has the same color, which no network makes of noise.",
  unchanged: "An image is still the noise that it began as: nothing was computed.",
  infinite: "Some values are not finite numbers.",
};
