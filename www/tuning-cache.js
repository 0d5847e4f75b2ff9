// @ts-check
/** What `tuning.js` found out about this visitor's GPU, remembered across visits. */

/** Under which name the tiles for a model on an adapter are kept. @param {string} adapter @param {string} model */
export const tuningKey = (adapter, model) => `ncsn tiles: ${adapter}, ${model}`;

/** What is kept under a name; the engine ignores it if it no longer fits. @param {string} name */
export function recall(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return ""; // Some visitors forbid storage.
  }
}
