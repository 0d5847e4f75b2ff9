// @ts-check
/** Makes an animated GIF of a film in a thread of its own; `save/film-file.js` is the other end. */
import { framed } from "../view/framed.js";
import { gif } from "./gif.js";
import { Palette } from "./palette.js";

/** The most colors that a GIF can have. */
const COLORS = 256;

/** The pixels of an image with a margin, on the color behind it. @param {ImageBitmap} image @param {number} margin @param {string} ground */
function pixelsOf(image, margin, ground) {
  const canvas = framed(image, margin, ground, 1);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** @param {ImageData} image @param {Palette} palette @param {number} scale @returns numbers of colors, enlarged */
function numbersOf({ data, width, height }, palette, scale) {
  const across = width * scale;
  const numbers = new Uint8Array(across * height * scale);
  for (let y = 0; y < height; y++) {
    const row = y * scale * across;
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      const number = palette.nearest(data[at], data[at + 1], data[at + 2]);
      numbers.fill(number, row + x * scale, row + (x + 1) * scale);
    }
    for (let copy = 1; copy < scale; copy++)
      numbers.copyWithin(row + copy * across, row, row + across);
  }
  return numbers;
}

addEventListener("message", ({ data: { images, margin, ground, scale, milliseconds } }) => {
  const pixels = images.map((/** @type {ImageBitmap} */ image) => pixelsOf(image, margin, ground));
  const [{ width, height }] = pixels;
  const palette = new Palette(
    pixels.map((/** @type {ImageData} */ { data }) => data),
    COLORS,
  );
  const frames = pixels.map((/** @type {ImageData} */ image, /** @type {number} */ at) => ({
    pixels: numbersOf(image, palette, scale),
    hundredths: Math.round(milliseconds[at] / 10),
  }));
  const bytes = gif(width * scale, height * scale, palette.colors, frames, (done) =>
    postMessage({ done }),
  );
  postMessage({ bytes }, { transfer: [bytes.buffer] });
});
