// @ts-check
/**
 * When an image counts as a copy of its nearest training image, and when as close to one: below these parts of the usual
 * distance from a training image to its nearest other.
 */
export const COPY = 0.25;
export const CLOSE = 0.75;
