// @ts-check
/** The WebAssembly module of the plane (`toy2d/`), which needs no GPU. It can only be started once. */

/**
 * Its export: a density of two clouds in a square of the plane, and chains on it.
 * @typedef {object} Toy2d
 * @property {(fraction: number) => number} sigma_at
 * @property {(sigma: number) => number} fraction_at
 * @property {(sigma: number, n: number) => Float32Array} density
 * @property {(sigma: number, n: number) => Float32Array} arrows
 * @property {(sigma: number, n: number) => Float32Array} noisy
 * @property {(sampler: string, chains: number) => void} begin
 * @property {() => number} steps
 * @property {(step: number) => void} advance_to
 * @property {() => boolean} finished
 * @property {() => number} sigma
 * @property {() => Float32Array} chains
 * @property {() => number} upper_share
 * @property {(x: number, y: number) => void} draw
 * @property {() => void} clear
 * @property {() => number} drawn
 * @property {(steps: number) => number} learn returns the steps that its network has done
 * @property {() => void} forget what was learned
 * @property {() => boolean} has_network whether it has learned something
 * @property {(network: boolean) => void} follow_network or the exact score, by arrows and chains
 * @property {(sigma: number, n: number) => number | undefined} error of the network's score, relative to the exact one
 */

/** The plane is shown from −SIDE to SIDE in both directions. */
export const SIDE = 10;
/** The number of points per row at which the density is computed, and the score. */
export const GLOW = 96;
export const ARROWS = 17;
/** How many chains run in it. */
export const CHAINS = 400;

/** @type {Promise<{ Toy2d: new (side: number) => Toy2d }> | undefined} */
let loading;

/** Fetches the module, once. @returns {Promise<() => Toy2d>} makes a plane */
export async function toys() {
  loading ??= import(new URL("../../toy2d/toy2d.js", import.meta.url).href).then(async (module) => {
    await module.default();
    return module;
  });
  const { Toy2d } = await loading;
  return () => new Toy2d(SIDE);
}
