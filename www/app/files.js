// @ts-check
/**
 * Files that a visitor drops on the page or pastes into it: images go to the sketch canvas, models become the page's.
 * The page fetches this then.
 */
import { changeOrigin } from "./origin.js";
import { fatalErrors } from "../page/page.js";
import { state } from "../state/state.js";

/**
 * @param {File} file
 * @throws {Error} for people, if it is of no use here, or not yet
 */
export async function take(file) {
  // What becomes of the file, or why nothing does, would be behind it.
  /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog[open]"))?.close();
  if (file.type.startsWith("image/")) return draw(file);
  // The systems of most visitors have no media type for models.
  if (/\.safetensors$/i.test(file.name))
    return (await import("../page/open-model.js")).openModel(file);
  throw new Error(
    `${file.name} is neither an image to start from nor a model: these are .safetensors files.`,
  );
}

/** Puts an image on the sketch canvas. @param {File} file */
async function draw(file) {
  if (fatalErrors.failure)
    throw new Error(`No images can be made from ${file.name} before the page works again.`);
  if (!state.engine) throw new Error("The model is still loading: try again in a moment.");
  await changeOrigin("drawing");
  await state.sketch?.open(file);
}
