// @ts-check
/**
 * Trunk calls this while it loads the program. Trunk copies the file to the root of the built page
 * under a hashed name, so it imports nothing by a relative path. It only passes on what happens as
 * events on `window`, which `program.js` listens to.
 */

/** @param {"progress" | "failed"} phase @param {object} detail */
const tell = (phase, detail) => window.dispatchEvent(new CustomEvent(`ncsn-program-${phase}`, { detail }));

export default function initializer() {
  return {
    onStart: () => tell("progress", { current: 0, total: 0 }),
    /** @param {{ current: number, total: number }} bytes */
    onProgress: (bytes) => tell("progress", bytes),
    /** @param {unknown} error */
    onFailure: (error) => tell("failed", { error }),
  };
}
