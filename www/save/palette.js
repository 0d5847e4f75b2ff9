// @ts-check
/** The colors of an image, reduced to as many as a GIF can have, by median cut (Heckbert 1982). */

/** How many bits of a channel distinguish colors here. */
const BITS = 5;

/** The cell of a color in a table of all. @param {number} r @param {number} g @param {number} b from 0 to 255 */
const cellOf = (r, g, b) => ((r >> 3) << (2 * BITS)) | ((g >> 3) << BITS) | (b >> 3);

/** The middle of a cell's values on each channel. @param {number} cell */
const channelsOf = (cell) => [2 * BITS, BITS, 0].map((shift) => ((cell >> shift) & 31) * 8 + 4);

export class Palette {
  /** Red, green and blue of each color. @type {Uint8Array} */ colors;
  /** The number of the nearest color for each cell; −1 while it is not known. */
  #nearest = new Int16Array(1 << (3 * BITS)).fill(-1);

  /** @param {Iterable<Uint8ClampedArray>} images RGBA @param {number} most colors */
  constructor(images, most) {
    const counts = new Uint32Array(1 << (3 * BITS));
    /** The sums of red, green and blue in each cell. */
    const sums = new Float64Array(3 * counts.length);
    for (const data of images)
      for (let at = 0; at < data.length; at += 4) {
        const cell = cellOf(data[at], data[at + 1], data[at + 2]);
        counts[cell] += 1;
        for (let c = 0; c < 3; c++) sums[3 * cell + c] += data[at + c];
      }
    const cells = Array.from(counts.keys()).filter((cell) => counts[cell]);
    /** @typedef {{ cells: number[], channel: number, size: number }} Box */
    /** @param {number[]} cells @returns {Box} with its longest side, weighted by how much is in it */
    const boxOf = (cells) => {
      const sides = [0, 1, 2].map((channel) => {
        const values = cells.map((cell) => channelsOf(cell)[channel]);
        return Math.max(...values) - Math.min(...values);
      });
      const channel = sides.indexOf(Math.max(...sides));
      const weight = cells.reduce((sum, cell) => sum + counts[cell], 0);
      return { cells, channel, size: sides[channel] * Math.sqrt(weight) };
    };
    const boxes = [boxOf(cells)];
    while (boxes.length < most) {
      boxes.sort((a, b) => b.size - a.size);
      const { cells, channel, size } = boxes[0];
      if (!size) break;
      cells.sort((a, b) => channelsOf(a)[channel] - channelsOf(b)[channel]);
      let [half, at] = [cells.reduce((sum, cell) => sum + counts[cell], 0) / 2, 0];
      while (at < cells.length - 1 && half > 0) half -= counts[cells[at++]];
      boxes.splice(
        0,
        1,
        boxOf(cells.slice(0, Math.max(1, at))),
        boxOf(cells.slice(Math.max(1, at))),
      );
    }
    const mean = (/** @type {number[]} */ cells) => {
      const total = (/** @type {ArrayLike<number>} */ of, step = 1, at = 0) =>
        cells.reduce((sum, cell) => sum + of[step * cell + at], 0);
      return [0, 1, 2].map((c) => Math.round(total(sums, 3, c) / total(counts)));
    };
    this.colors = Uint8Array.from(boxes.flatMap(({ cells }) => mean(cells)));
  }

  /** The number of the color that is nearest. @param {number} r @param {number} g @param {number} b */
  nearest(r, g, b) {
    const cell = cellOf(r, g, b);
    if (this.#nearest[cell] < 0) this.#nearest[cell] = this.#search(channelsOf(cell));
    return this.#nearest[cell];
  }

  /** @param {number[]} color */
  #search(color) {
    let [best, least] = [0, Infinity];
    for (let at = 0; at < this.colors.length; at += 3) {
      let far = 0;
      for (let c = 0; c < 3; c++) far += (this.colors[at + c] - color[c]) ** 2;
      if (far < least) [best, least] = [at / 3, far];
    }
    return best;
  }
}
