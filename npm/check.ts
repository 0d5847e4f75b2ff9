/** Whether the scripts are what their declarations say. Only `npm run types` reads this. */
import type { NcsnSamplerElement } from "./element.js";
import { NcsnError as ScriptError } from "./errors.js";
import type { NcsnError, loadModel } from "./index.js";
import { loadModel as scriptLoadModel } from "./load.js";
import { NcsnSamplerElement as ScriptElement } from "./sampler-element.js";
import type { Frame, Sampler } from "./types.js";

export const load: typeof loadModel = scriptLoadModel;
export const error: typeof NcsnError = ScriptError;
export const element: new () => NcsnSamplerElement = ScriptElement;

/** What the README shows. */
export async function example(element: NcsnSamplerElement): Promise<Blob | undefined> {
  const model = await load("hf:user/name@main", { onProgress: (loaded, total) => loaded / total });
  await load(new Blob(), { wasm: new URL("https://host/ncsn_bg.wasm") });
  const sampler: Sampler = model.sample({ seed: 1n, count: 4, class: ["7", 3], steps: 4 });
  let last: Frame | undefined;
  for await (const frame of sampler) last = frame;
  last?.draw(new OffscreenCanvas(1, 1), { columns: 2 });
  element.seed = 7n;
  element.addEventListener("finish", () => element.restart({ sameSeed: true }));
  element.addEventListener("keydown", ({ key }) => key === "r" && element.restart());
  return last?.toBlob({ type: "image/png", scale: 4 });
}
