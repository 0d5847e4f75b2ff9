// @ts-check
/**
 * Weights with which one to four steps are enough, beside the usual ones of a model. The page fetches them when
 * somebody draws, or when a link needs them.
 */
import { fetchModel } from "./model.js";
import { quickUrl, state } from "./state.js";

/** @type {Promise<import("./state.js").Quick | null> | undefined} */
let fetching;

/** The weights, or null if there are none, or they cannot be fetched: the usual ones can do the same in more steps. */
export function quickModel() {
  fetching ??= fetchQuick().catch((error) => {
    console.warn(error);
    return null;
  });
  return fetching;
}

/** @returns {Promise<import("./state.js").Quick | null>} */
async function fetchQuick() {
  const { loaded } = state;
  if (!quickUrl || !loaded) return null;
  const { signal } = new AbortController();
  const bytes = await fetchModel(
    quickUrl,
    () => {},
    signal,
    () => {},
  );
  const model = new loaded.wasmModule.Model(bytes);
  try {
    return (state.quick = { bytes, card: model.card() });
  } finally {
    model.free();
  }
}
