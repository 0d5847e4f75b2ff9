// @ts-check
/**
 * The images of a training run: cropped to their center, resized to the network's size, as planes of bytes. What they
 * were made from is kept, so that another size begins from the files again.
 */

import { imageOf } from "../view/pixels.js";

/** @typedef {import("../types.js").ImageShape} ImageShape */

/**
 * @typedef {object} TrainingImage
 * @property {string} name of its file
 * @property {Blob | ImageData} source a file, or a drawing
 * @property {Uint8Array} planes channels × height × width
 * @property {boolean} colored whether the source has colors
 */

/** The most bytes of all images as 32-bit numbers, of which every step of training reads all. */
const MOST_BYTES = 64 * 2 ** 20;
/** Colors whose channels differ by no more are gray: JPEG does not keep gray exactly. */
const GRAY = 12;
/** The share of each channel in the luma of a color, in thousandths (ITU-R BT.601), as in the native program (`src/pixel.rs`). */
const LUMA = [299, 587, 114];

/** How many images of a shape one can train on here. @param {ImageShape} shape */
export const mostImages = ({ channels, height, width }) =>
  Math.floor(MOST_BYTES / (4 * channels * height * width));

export class TrainingImages {
  /** @type {TrainingImage[]} */ list = [];
  /** @type {ImageShape} */ shape;
  /** What is behind transparent pixels. */
  #paper;

  /** @param {ImageShape} shape @param {string} paper */
  constructor(shape, paper) {
    this.shape = shape;
    this.#paper = paper;
  }

  /**
   * Adds an image.
   * @param {string} name @param {Blob | ImageData} source
   * @throws if the browser cannot read it
   */
  async add(name, source) {
    const image = { name, source, ...(await this.#planes(source)) };
    this.list.push(image);
    return image;
  }

  /**
   * Makes all of them again, in another shape.
   * @param {ImageShape} shape @param {string} paper
   * @returns {Promise<string[]>} the names of those that are left out, since their files are gone
   */
  async reshape(shape, paper) {
    const same = JSON.stringify(shape) === JSON.stringify(this.shape) && paper === this.#paper;
    [this.shape, this.#paper] = [shape, paper];
    if (same) return [];
    const gone = [];
    for (const image of [...this.list])
      try {
        Object.assign(image, await this.#planes(image.source));
      } catch {
        // It must not stay in the old shape among the others.
        this.list = this.list.filter((other) => other !== image);
        gone.push(image.name);
      }
    return gone;
  }

  /** All of them, one after another. */
  bytes() {
    const length = this.shape.channels * this.shape.height * this.shape.width;
    const all = new Uint8Array(length * this.list.length);
    this.list.forEach(({ planes }, at) => all.set(planes, at * length));
    return all;
  }

  /** Whether most of them have colors. */
  get colored() {
    return 2 * this.list.filter(({ colored }) => colored).length > this.list.length;
  }

  /** @param {Blob | ImageData} source */
  async #planes(source) {
    const bitmap = await createImageBitmap(source, { colorSpaceConversion: "none" });
    const { data } = shrunk(bitmap, this.shape, this.#paper);
    bitmap.close();
    const plane = this.shape.height * this.shape.width;
    const planes = new Uint8Array(this.shape.channels * plane);
    let colored = false;
    for (let at = 0; at < plane; at++) {
      const [r, g, b] = data.subarray(4 * at, 4 * at + 3);
      colored ||= Math.max(r, g, b) - Math.min(r, g, b) > GRAY;
      if (this.shape.channels === 1)
        planes[at] = Math.round((LUMA[0] * r + LUMA[1] * g + LUMA[2] * b) / 1000);
      else [planes[at], planes[plane + at], planes[2 * plane + at]] = [r, g, b];
    }
    return { planes, colored };
  }
}

/**
 * The middle of an image, made smaller by halves at first: browsers differ in how they shrink by more.
 * @param {ImageBitmap} bitmap @param {ImageShape} shape @param {string} paper
 */
function shrunk(bitmap, { width, height }, paper) {
  const scale = Math.min(bitmap.width / width, bitmap.height / height);
  let [across, down] = [width * scale, height * scale];
  let [left, top] = [(bitmap.width - across) / 2, (bitmap.height - down) / 2];
  /** @type {ImageBitmap | OffscreenCanvas} */
  let from = bitmap;
  for (;;) {
    const last = across < 2 * width || down < 2 * height;
    const [w, h] = last ? [width, height] : [Math.ceil(across / 2), Math.ceil(down / 2)];
    const to = new OffscreenCanvas(w, h);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      to.getContext("2d", { willReadFrequently: last })
    );
    context.fillStyle = paper;
    context.fillRect(0, 0, w, h);
    context.imageSmoothingQuality = "high";
    context.drawImage(from, left, top, across, down, 0, 0, w, h);
    if (last) return context.getImageData(0, 0, w, h);
    [from, left, top, across, down] = [to, 0, 0, w, h];
  }
}

/** A canvas that shows one. @param {Uint8Array} planes @param {ImageShape} shape */
export function canvasOf(planes, shape) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: shape.width, height: shape.height });
  canvas.getContext("2d")?.putImageData(imageOf(planes, shape, 255), 0, 0);
  return canvas;
}
