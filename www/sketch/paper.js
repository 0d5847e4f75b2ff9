// @ts-check
/** The color of the paper that a visitor's images are drawn on, and that is behind what is transparent in them. */

/** The mean of the training images where a card does not know it: `Card` in `types.d.ts`. */
const UNKNOWN = 0.5;

/**
 * White for a model of bright images, and otherwise black: usually the background of its training images.
 * @param {import("../types.js").Card} card
 */
export function paperOf({ mean, architecture }) {
  const scale = /** @type {{ mean?: number } | undefined} */ (architecture.preconditioning);
  return (mean ?? scale?.mean ?? UNKNOWN) > UNKNOWN ? "#ffffff" : "#000000";
}
