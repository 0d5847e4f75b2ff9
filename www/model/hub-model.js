// @ts-check
/** The page's model, if it is on a hub. The page fetches this module only for such models. */
import { badModel } from "../failures/failures.js";
import { hubFile } from "./hub.js";

/**
 * @param {string} name `hf:user/name[/path][@revision]` @param {AbortSignal} signal
 * @returns {{ url: string, ask: (headers?: Record<string, string>) => Promise<Response>, keep: (bytes: Uint8Array<ArrayBuffer>) => void }}
 * @throws {import("../failures/failures.js").Failure}
 */
export function hubModel(name, signal) {
  // A copy of the page can name another hub, such as a mirror.
  const hub = document.querySelector('meta[name="hub"]')?.getAttribute("content");
  /** @type {Response} */ let response;
  try {
    const { url, ask, keep } = hubFile(name, hub ?? undefined);
    return {
      url,
      ask: async (headers) => (response = await ask(signal, headers)),
      keep: (bytes) => keep(response, bytes).catch(console.warn),
    };
  } catch (error) {
    throw badModel(name, /** @type {Error} */ (error).message);
  }
}
