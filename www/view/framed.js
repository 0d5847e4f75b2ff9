// @ts-check
/**
 * An image with a margin around it, on the color behind it, enlarged without smoothing.
 * @param {ImageBitmap} image @param {number} margin in its pixels @param {string} ground @param {number} scale
 */
export function framed(image, margin, ground, scale) {
  const [width, height] = [image.width, image.height].map((side) => (side + 2 * margin) * scale);
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    canvas.getContext("2d", { willReadFrequently: true })
  );
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  const at = margin * scale;
  context.drawImage(image, at, at, image.width * scale, image.height * scale);
  return canvas;
}
