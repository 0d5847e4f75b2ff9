// @ts-check
/**
 * The pixels of a single image of the grid, and what keeps such an image on the sketch canvas. The page fetches this when
 * the first images are there, and not at a click: what is saved next waits for what was kept before.
 */
import { run, timeline } from "../page/page.js";
import { state } from "../state/state.js";
import { placeOf } from "../view/arrange.js";
import { imageAt } from "../view/pixels.js";

/** One of a frame's images. @param {import("../view/film.js").Frame} frame @param {number} index */
export function cut(frame, index) {
  const { image, width, height } = frame;
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })
  );
  const [x, y] = placeOf(index, frame);
  context.drawImage(image, -x, -y);
  return context.getImageData(0, 0, width, height);
}

/**
 * One image as the grid shows it, at the present step or an earlier one.
 * @param {import("../engine/engine.js").Chains} chains @param {number} index
 * @returns {Promise<ImageData | null>} nothing if there are fewer images by now
 */
export async function imageShown(chains, index) {
  const { made, loaded } = state;
  if (!made || !loaded || index >= made.chains) return null;
  return timeline.past
    ? cut(timeline.past, index)
    : imageAt(await chains.pixels(run.view), index, loaded.card.image_shape);
}

/** Puts an image on the sketch canvas. @param {number} index */
export async function keepImage(index) {
  await run.withChains(async (chains) => {
    const image = await imageShown(chains, index);
    // Before other work gets its turn: what is saved next then waits for the images of the new drawing.
    if (image) await state.sketch?.take(image);
  });
}
