// @ts-check
/** Models that several elements on a page use: each is loaded once, and disposed of when no element uses it any more. */
import { loadModel } from "./load.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {(loaded: number, total: number) => void} OnProgress */
/** @typedef {{ model: Promise<Model>, listeners: Set<OnProgress>, users: number, cancel: AbortController }} Entry */

/** @type {Map<string, Entry>} */
const entries = new Map();

/**
 * @param {string} address absolute, or a name on a hub @param {{ hub?: string, wasm?: string }} from see `LoadOptions`
 * @param {OnProgress} onProgress
 * @returns {{ model: Promise<Model>, release(gone?: boolean): void }} `release` is told whether the model is of no use any
 *   more, so that whoever asks next gets another, also while others have not released it yet
 */
export function shareModel(address, { hub, wasm }, onProgress) {
  const key = `${hub ?? ""} ${address}`;
  let entry = entries.get(key);
  if (!entry) {
    const [listeners, cancel] = [/** @type {Set<OnProgress>} */ (new Set()), new AbortController()];
    const model = loadModel(address, {
      hub,
      wasm,
      signal: cancel.signal,
      onProgress: (loaded, total) => {
        for (const listener of listeners) listener(loaded, total);
      },
    });
    entry = { model, listeners, users: 0, cancel };
    entries.set(key, entry);
    // The next to ask may have more luck.
    model.catch(() => forget(key, entry));
  }
  const { model, listeners, cancel } = entry;
  entry.users += 1;
  listeners.add(onProgress);
  let released = false;
  return {
    model,
    release(gone = false) {
      if (released || !entry) return;
      if (gone) forget(key, entry);
      released = true;
      listeners.delete(onProgress);
      entry.users -= 1;
      if (entry.users > 0) return;
      forget(key, entry);
      cancel.abort();
      model.then(
        (model) => model.dispose(),
        () => {},
      );
    },
  };
}

/** @param {string} key @param {Entry | undefined} entry */
function forget(key, entry) {
  if (entries.get(key) === entry) entries.delete(key);
}
