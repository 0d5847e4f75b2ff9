// @ts-check
/**
 * Files that a visitor drops on the page or pastes into it: images go to the sketch canvas, models become the page's.
 * The page fetches this then.
 */

/**
 * @param {File} file
 * @param {{ draw(file: File): Promise<unknown> }} page
 * @throws {Error} for people, if it is of no use here
 */
export async function take(file, { draw }) {
  if (file.type.startsWith("image/")) return draw(file);
  // The systems of most visitors have no media type for models.
  if (/\.safetensors$/i.test(file.name))
    return (await import("../model/own-models.js")).openModel(file);
  throw new Error(
    `${file.name} is neither an image to start from nor a model: these are .safetensors files.`,
  );
}
