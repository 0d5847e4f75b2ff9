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

/** The same with black for white. @param {Uint8ClampedArray} data RGBA */
export const inverted = (data) => data.map((value, at) => (at % 4 === 3 ? value : 255 - value));

/** Further from the paper than this, of 255, a gray value is in the other half. */
const OPPOSITE = 128;

/**
 * Whether an image is dark on bright and the paper black, or the other way round, as its border tells.
 * @param {Uint8ClampedArray} data RGBA @param {number} width of the image @param {number} paper its gray value
 */
export function isOpposite(data, width, paper) {
  const pixels = data.length / 4;
  let [sum, count] = [0, 0];
  for (let at = 0; at < pixels; at++) {
    const inside = at >= width && at < pixels - width && at % width > 0 && at % width < width - 1;
    // What is transparent has no color.
    if (inside || !data[4 * at + 3]) continue;
    sum += (data[4 * at] + data[4 * at + 1] + data[4 * at + 2]) / 3;
    count += 1;
  }
  return count > 0 && Math.abs(sum / count - paper) > OPPOSITE;
}
