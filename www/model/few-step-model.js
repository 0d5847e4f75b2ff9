// @ts-check
/**
 * Weights with which one to four steps are enough, beside the usual ones of a model. The page fetches them when a
 * visitor draws or chooses the sampler for few steps, or when a link does.
 */
import { checksumOfWeights } from "./checksum.js";
import { fetchModel } from "./model.js";
import { fewStepUrl, state } from "../state/state.js";

/** @type {Promise<import("../state/state.js").Weights | null> | undefined} */
let fetching;

/** The weights, or null if there are none, or they cannot be fetched now: the usual ones can do the same in more steps. */
export function fewStepModel() {
  fetching ??= fetchFewStep().catch((error) => {
    console.warn(error);
    fetching = undefined;
    return null;
  });
  return fetching;
}

/** @returns {Promise<import("../state/state.js").Weights | null>} */
async function fetchFewStep() {
  const { loaded } = state;
  if (!fewStepUrl || !loaded) return null;
  // Never aborted: whoever no longer waits for the weights will probably want them later.
  const { signal } = new AbortController();
  const bytes = await fetchModel(
    fewStepUrl,
    () => {},
    signal,
    () => {},
  );
  const model = new loaded.wasmModule.Model(bytes);
  try {
    return (state.fewStep = { bytes, card: model.card(), sum: checksumOfWeights(bytes) });
  } finally {
    model.free();
  }
}
