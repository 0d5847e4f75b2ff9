// @ts-check
/** Any image as one of the model's size. */

/**
 * Draws an image on a canvas, cropped to its center and resized, with pixels that are either there or not.
 * @param {CanvasRenderingContext2D} context @param {ImageBitmap} bitmap
 * @returns {Uint8ClampedArray} RGBA
 */
export function fitted(context, bitmap) {
  const { width, height } = context.canvas;
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [across, down] = [bitmap.width * scale, bitmap.height * scale];
  context.clearRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (width - across) / 2, (height - down) / 2, across, down);
  const { data } = context.getImageData(0, 0, width, height);
  // Every pixel is either opaque or a hole.
  for (let at = 3; at < data.length; at += 4) data[at] = data[at] < 128 ? 0 : 255;
  return data;
}
