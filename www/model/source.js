// @ts-check
/** Where the page's model comes from: an address, a file that the visitor has opened, or a hub. */
import { modelUrl, ownName } from "../state/state.js";

/**
 * @param {AbortSignal} signal
 * @returns {Promise<{ url: string, ask?: (headers?: Record<string, string>) => Promise<Response>, keep?: (bytes: Uint8Array<ArrayBuffer>) => void }>}
 */
export async function modelSource(signal) {
  const name = ownName;
  if (name !== null)
    return {
      url: modelUrl,
      ask: async () => (await import("./own-models.js")).ownModel(name),
    };
  if (!modelUrl.startsWith("hf:")) return { url: modelUrl };
  return (await import("./hub-model.js")).hubModel(modelUrl, signal);
}
