// @ts-check
/**
 * Animated GIFs, as GIF89a and LZW of its appendix F describe them.
 */

/** Codes have at most so many bits, and the table so many entries. */
const MOST_BITS = 12;
const ENTRIES = 1 << MOST_BITS;
/** Twice as large as the table, so that searches are short. */
const SLOTS = ENTRIES * 2;

/** Bytes that grow as needed. */
class Bytes {
  #bytes = new Uint8Array(1 << 16);
  length = 0;

  /** @param {number} byte */
  push(byte) {
    if (this.length === this.#bytes.length) {
      const more = new Uint8Array(2 * this.length);
      more.set(this.#bytes);
      this.#bytes = more;
    }
    this.#bytes[this.length++] = byte;
  }

  /** @param {ArrayLike<number>} bytes */
  append(bytes) {
    for (let at = 0; at < bytes.length; at++) this.push(bytes[at]);
  }

  /** Little-endian. @param {number} number */
  short(number) {
    this.push(number & 255);
    this.push(number >> 8);
  }

  get bytes() {
    return this.#bytes.slice(0, this.length);
  }
}

/** Writes codes of growing size, in blocks of up to 255 bytes, each after its length. */
class Codes {
  #to;
  #block = new Uint8Array(255);
  #filled = 0;
  #bits = 0;
  #waiting = 0;

  /** @param {Bytes} to */
  constructor(to) {
    this.#to = to;
  }

  /** @param {number} code @param {number} size */
  write(code, size) {
    this.#bits |= code << this.#waiting;
    this.#waiting += size;
    while (this.#waiting >= 8) this.#byte();
  }

  #byte() {
    this.#block[this.#filled++] = this.#bits & 255;
    this.#bits >>>= 8;
    this.#waiting -= 8;
    if (this.#filled === 255) this.#flush();
  }

  #flush() {
    if (!this.#filled) return;
    this.#to.push(this.#filled);
    this.#to.append(this.#block.subarray(0, this.#filled));
    this.#filled = 0;
  }

  end() {
    if (this.#waiting > 0) this.#byte();
    this.#flush();
    this.#to.push(0);
  }
}

/** @param {Uint8Array} pixels numbers of colors @param {number} bits of such a number, at least 2 @param {Bytes} to */
function compress(pixels, bits, to) {
  const [clear, end] = [1 << bits, (1 << bits) + 1];
  const keys = new Int32Array(SLOTS);
  const values = new Uint16Array(SLOTS);
  const codes = new Codes(to);
  let [next, size] = [0, 0];
  const reset = () => {
    codes.write(clear, size || bits + 1);
    keys.fill(-1);
    [next, size] = [end + 1, bits + 1];
  };
  to.push(bits);
  reset();
  let prefix = pixels[0];
  for (let at = 1; at < pixels.length; at++) {
    const key = (prefix << 8) | pixels[at];
    let slot = (key * 2654435761) >>> (32 - MOST_BITS - 1);
    while (keys[slot] >= 0 && keys[slot] !== key) slot = (slot + 1) % SLOTS;
    if (keys[slot] === key) {
      prefix = values[slot];
      continue;
    }
    codes.write(prefix, size);
    if (next < ENTRIES) {
      keys[slot] = key;
      values[slot] = next;
      // The decoder's table is one entry behind.
      if (next === 1 << size) size += 1;
      next += 1;
    } else reset();
    prefix = pixels[at];
  }
  codes.write(prefix, size);
  codes.write(end, size);
  codes.end();
}

/**
 * @param {number} width @param {number} height
 * @param {Uint8Array} palette red, green and blue of up to 256 colors
 * @param {{ pixels: Uint8Array, hundredths: number }[]} frames numbers of colors, and how long they are shown
 * @param {(done: number) => void} onProgress called with the part of the frames that is done
 */
export function gif(width, height, palette, frames, onProgress) {
  const bits = Math.max(2, Math.ceil(Math.log2(palette.length / 3)));
  const colors = new Uint8Array(3 << bits);
  colors.set(palette);
  const to = new Bytes();
  const text = (/** @type {string} */ letters) =>
    to.append(Array.from(letters, (letter) => letter.charCodeAt(0)));
  text("GIF89a");
  to.short(width);
  to.short(height);
  // A palette for all frames, of 8 bits a channel; the first color behind everything; square pixels.
  to.append([0xf0 | (bits - 1), 0, 0]);
  to.append(colors);
  // Repeat for ever.
  to.append([0x21, 0xff, 11]);
  text("NETSCAPE2.0");
  to.append([3, 1, 0, 0, 0]);
  for (const [at, { pixels, hundredths }] of frames.entries()) {
    to.append([0x21, 0xf9, 4, 0]);
    to.short(hundredths);
    to.append([0, 0]);
    to.append([0x2c, 0, 0, 0, 0]);
    to.short(width);
    to.short(height);
    to.push(0);
    compress(pixels, bits, to);
    onProgress((at + 1) / frames.length);
  }
  to.push(0x3b);
  return to.bytes;
}
