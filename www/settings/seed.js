// @ts-check
/** Seeds. The page and the npm package share this. */

/** The largest one. */
export const MAX_SEED = 2n ** 64n - 1n;

/** A seed at random, short enough to be read out. */
export const randomSeed = () => BigInt(crypto.getRandomValues(new Uint32Array(1))[0]);
