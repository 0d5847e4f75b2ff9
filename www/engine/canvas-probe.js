// @ts-check
/** Whether this browser shows what a GPU draws into a canvas. */
import { GPU_ANSWER_MS, within } from "./within.js";

/** Side of the canvas that is tried, in pixels. */
const SIDE = 4;

/** @type {Promise<boolean> | undefined} */
let known;

/**
 * Tries it once. Some browsers on Linux let pages compute on a GPU but cannot share images with the
 * part that shows them, and then destroy every device of the page. So this must settle before the
 * page makes a device that it wants to keep.
 * @param {() => Promise<any>} makeDevice a GPUDevice for the trial alone
 * @param {() => Error | Promise<Error>} late makes the error for a device that does not finish the trial
 * @returns {Promise<boolean>} rejects as `makeDevice` does, or with `late`'s error, and then tries again when next asked
 */
export function presents(makeDevice, late) {
  known ??= makeDevice().then((device) => within(tried(device), GPU_ANSWER_MS, late));
  known.catch(() => (known = undefined));
  return known;
}

/** @param {any} device */
async function tried(device) {
  try {
    const lost = device.lost.then(() => false);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    const context = /** @type {any} */ (canvas).getContext("webgpu");
    context.configure({
      device,
      format: /** @type {any} */ (navigator).gpu.getPreferredCanvasFormat(),
      alphaMode: "premultiplied",
    });
    const encoder = device.createCommandEncoder();
    encoder
      .beginRenderPass({
        colorAttachments: [
          {
            view: context.getCurrentTexture().createView(),
            loadOp: "clear",
            storeOp: "store",
            clearValue: [1, 1, 1, 1],
          },
        ],
      })
      .end();
    device.queue.submit([encoder.finish()]);
    const shown = isDrawn(canvas);
    const done = device.queue.onSubmittedWorkDone().then(
      () => true,
      () => false,
    );
    return shown && (await Promise.race([lost, done]));
  } catch {
    return false;
  } finally {
    device.destroy();
  }
}

/**
 * Whether there is anything on a canvas: one that was not drawn to is transparent. Must be called
 * in the task that drew. (Browsers that keep pages from reading canvases return other colors, but
 * none that are transparent everywhere.)
 * @param {HTMLCanvasElement} canvas
 */
export function isDrawn(canvas) {
  const copy = new OffscreenCanvas(SIDE, SIDE);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    copy.getContext("2d", { willReadFrequently: true })
  );
  context.drawImage(canvas, 0, 0, SIDE, SIDE);
  return context.getImageData(0, 0, SIDE, SIDE).data.some((value, at) => at % 4 === 3 && value > 0);
}
