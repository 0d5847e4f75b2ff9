// @ts-check
/**
 * The grid as a file. The page fetches this when somebody saves it.
 */

/** The colour between images in a saved file; on the page the frame shows through. */
const MOUNT = "#1c2022";
/** A saved file is scaled up to about this many pixels. */
const SAVED_SIZE = 1200;

/**
 * The images on a canvas as a PNG, scaled up without smoothing. Copies them at once: an engine's
 * drawing is there only until the browser shows it.
 * @param {HTMLCanvasElement} canvas
 * @returns {Promise<Blob>}
 */
export function toPng(canvas) {
  const { width, height } = canvas;
  const gap = Number(canvas.dataset.gap ?? 1);
  const scale = Math.max(1, Math.floor(SAVED_SIZE / Math.max(width, height)));
  const saved = document.createElement("canvas");
  saved.width = (width + 2 * gap) * scale;
  saved.height = (height + 2 * gap) * scale;
  const context = /** @type {CanvasRenderingContext2D} */ (saved.getContext("2d"));
  context.fillStyle = MOUNT;
  context.fillRect(0, 0, saved.width, saved.height);
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, gap * scale, gap * scale, width * scale, height * scale);
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
