// @ts-check
/** Images as files. */

/** The color between images in a file. On the page, these gaps are transparent and show the frame. */
export const BACKGROUND = "#1c2022";
/** A file is scaled up to about this many pixels. */
const SAVED_SIZE = 1200;

/**
 * The images on a canvas as a PNG, scaled up without smoothing. Copies them at once: an engine's
 * drawing is there only until the browser shows it.
 * @param {HTMLCanvasElement} canvas
 * @returns {Promise<Blob>}
 */
export function toPng(canvas) {
  return pngOf(canvas, Number(canvas.dataset.gap ?? 1));
}

/** One image as a PNG, scaled up without smoothing. @param {ImageData} image */
export function oneToPng(image) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: image.width, height: image.height });
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(image, 0, 0);
  return pngOf(canvas, 0);
}

/** @param {HTMLCanvasElement} canvas @param {number} margin in its pixels @returns {Promise<Blob>} */
function pngOf(canvas, margin) {
  const { width, height } = canvas;
  const scale = Math.max(1, Math.floor(SAVED_SIZE / Math.max(width, height)));
  const saved = document.createElement("canvas");
  saved.width = (width + 2 * margin) * scale;
  saved.height = (height + 2 * margin) * scale;
  const context = /** @type {CanvasRenderingContext2D} */ (saved.getContext("2d"));
  context.fillStyle = BACKGROUND;
  context.fillRect(0, 0, saved.width, saved.height);
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, margin * scale, margin * scale, width * scale, height * scale);
  return new Promise((resolve, reject) => {
    saved.toBlob(
      (blob) =>
        blob ? resolve(blob) : reject(new Error("The browser could not encode the image.")),
      "image/png",
    );
  });
}

/** @param {Blob} file @param {string} name */
export function saveAs(file, name) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(file);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}
