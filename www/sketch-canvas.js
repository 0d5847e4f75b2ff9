// @ts-check
/**
 * The sketch canvas: a drawing of the model's size, pixel by pixel.
 *
 * It is painted here and not by the browser's canvas, because antialiasing differs between browsers, and some
 * add noise to what they read back, against fingerprinting. So a link carries exactly what the
 * chains start from. The page fetches this module when it needs it.
 */
import { $ } from "./dom.js";

/** The widths of the brushes, in hundredths of the image's width. */
const BRUSHES = [2, 3.5, 6, 9, 14];
const ERASER = "eraser";
/** How many times one can undo. */
const UNDOS = 50;
/** @type {[string, string][]} colour, name */
const GREYS = [
  ["#ffffff", "white"],
  ["#808080", "grey"],
  ["#000000", "black"],
];
/** @type {[string, string][]} */
const COLOURS = [
  ["#202124", "black"],
  ["#ffffff", "white"],
  ["#fcc21b", "yellow"],
  ["#f5811f", "orange"],
  ["#e23b30", "red"],
  ["#ef6da8", "pink"],
  ["#7c3fb5", "violet"],
  ["#2f7de1", "blue"],
  ["#52b944", "green"],
  ["#8a5a3c", "brown"],
];

/** How a PNG begins in base64, and how it ends: the format of drawings in older links. */
const PNG = "iVBOR";
const PNG_END = "IEND\xaeB`\x82";

/** @typedef {{ x: number, y: number }} Point in pixels of the image */

/** @param {string} colour as #rrggbb @returns {number[]} */
const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

/** Passes bytes through a stream. @param {BlobPart} bytes @param {any} stream */
async function through(bytes, stream) {
  return new Uint8Array(
    await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer(),
  );
}

/** Converts base64 to a form allowed in addresses. @param {string} text */
const ofUrl = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** The distance of a point from a segment. @param {number} x @param {number} y @param {Point} from @param {Point} to */
function distance(x, y, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const t = length ? Math.min(1, Math.max(0, ((x - from.x) * dx + (y - from.y) * dy) / length)) : 0;
  return Math.hypot(x - from.x - t * dx, y - from.y - t * dy);
}

export class SketchCanvas {
  #canvas = /** @type {HTMLCanvasElement} */ ($("sketch-canvas"));
  #context = /** @type {CanvasRenderingContext2D} */ (
    this.#canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true })
  );
  #image;
  #paper;
  /** Whether anything was drawn since the canvas was empty. */
  #used = false;
  /** @type {{ data: Uint8ClampedArray, used: boolean }[]} its earlier contents */ #past = [];
  /** @type {{ last: Point, before: Uint8ClampedArray, cover: Float32Array } | null} */ #stroke =
    null;
  #text = "";
  /** @type {Promise<void>} */ #written = Promise.resolve();
  #onChange;
  /** Settles once the style sheet is loaded. */
  styled;

  /**
   * An empty canvas for a model's images.
   * @param {import("./engine.js").Card} card
   * @param {() => void} onChange called when a stroke is done
   */
  constructor({ image_shape, architecture }, onChange) {
    this.#onChange = onChange;
    const style = document.createElement("link");
    Object.assign(style, {
      rel: "stylesheet",
      href: new URL("./sketch-canvas.css", import.meta.url).href,
    });
    this.styled = new Promise((done) => (style.onload = style.onerror = done));
    document.head.append(style);
    this.#image = new ImageData(image_shape.width, image_shape.height);
    this.#canvas.width = image_shape.width;
    this.#canvas.height = image_shape.height;
    const { mean = 0 } = /** @type {{ mean?: number }} */ (architecture.preconditioning ?? {});
    // Usually the background of the training images.
    this.#paper = mean > 0.5 ? "#ffffff" : "#000000";
    this.#offer(image_shape.channels < 3 ? GREYS : COLOURS);
    this.clear();
    /** @param {string} type @param {(event: PointerEvent) => void} act on the first finger; others are ignored */
    const on = (type, act) =>
      this.#canvas.addEventListener(
        type,
        (/** @type {any} */ event) => event.isPrimary && act(event),
      );
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) on(end, () => this.#up());
    $("sketch-clear").addEventListener("click", () => {
      this.#note();
      this.clear();
      this.#changed();
    });
    $("sketch-undo").addEventListener("click", () => {
      const last = this.#past.pop();
      if (!last) return;
      this.#image.data.set(last.data);
      this.#used = last.used;
      this.#show();
      this.#changed();
    });
    $("sketch-open").addEventListener("click", () => $("sketch-file").click());
    $("sketch-file").addEventListener("change", async () => {
      const [file] = $("sketch-file").files;
      $("sketch-file").value = "";
      if (!file) return;
      try {
        await this.#read(file);
        this.#changed();
      } catch {
        $("sketch-hint").textContent = `${file.name} is no image that this browser can read.`;
      }
    });
  }

  /** Remembers the canvas's contents before they change. */
  #note() {
    this.#past.push({ data: this.#image.data.slice(), used: this.#used });
    if (this.#past.length > UNDOS) this.#past.shift();
  }

  /** @param {[string, string][]} palette */
  #offer(palette) {
    const first = palette.find(([colour]) => colour !== this.#paper)?.[0];
    $("palette").replaceChildren(
      ...[...palette, [ERASER, "eraser: what it takes off is made up"]].map(([colour, name]) => {
        const label = document.createElement("label");
        const input = document.createElement("input");
        Object.assign(input, {
          type: "radio",
          name: "ink",
          value: colour,
          checked: colour === first,
          title: name,
        });
        input.setAttribute("aria-label", name);
        const swatch = document.createElement("span");
        swatch.className = colour === ERASER ? "holes" : "";
        if (colour !== ERASER) swatch.style.background = colour;
        label.append(input, swatch);
        return label;
      }),
    );
  }

  clear() {
    const [r, g, b] = channels(this.#paper);
    for (let at = 0; at < this.#image.data.length; at += 4)
      this.#image.data.set([r, g, b, 255], at);
    this.#used = false;
    this.#show();
  }

  /**
   * The image of the grid that is under a pointer: where its bytes begin among those of all.
   * @param {HTMLCanvasElement} grid
   * @param {MouseEvent} event
   * @returns {number | undefined}
   */
  at(grid, { clientX, clientY }) {
    const { width, height, data } = this.#image;
    const [columns, gap] = [Number(grid.dataset.columns), Number(grid.dataset.gap)];
    const box = grid.getBoundingClientRect();
    const column = Math.floor((((clientX - box.left) / box.width) * grid.width) / (width + gap));
    const row = Math.floor((((clientY - box.top) / box.height) * grid.height) / (height + gap));
    return column >= 0 && column < columns && row >= 0
      ? (row * columns + column) * data.length
      : undefined;
  }

  /** Puts the first of these images on the canvas, RGBA. @param {Uint8ClampedArray} pixels */
  take(pixels) {
    this.#note();
    this.#image.data.set(pixels.subarray(0, this.#image.data.length));
    this.#used = true;
    this.#show();
    this.#changed();
  }

  /** Whether anything has been drawn. */
  get used() {
    return this.#used;
  }

  /** A copy of the pixels, RGBA. */
  get pixels() {
    return new Uint8Array(this.#image.data);
  }

  /** Whether the eraser has left holes for the model to fill in. */
  get hasHoles() {
    for (let at = 3; at < this.#image.data.length; at += 4)
      if (this.#image.data[at] === 0) return true;
    return false;
  }

  /** The drawing for a link: its pixels, deflated, in base64url. */
  get text() {
    return this.#text;
  }

  /** Encodes the drawing before reporting the change: whoever copies a link cannot wait. */
  #changed() {
    this.#written = this.#written.then(() => this.#write()).then(() => this.#onChange());
  }

  async #write() {
    try {
      const bytes = await through(this.#image.data, new CompressionStream("deflate-raw"));
      this.#text = ofUrl(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
    } catch {
      // Browsers from before 2023 cannot deflate.
      this.#text = ofUrl(this.#canvas.toDataURL("image/png").split(",")[1]);
    }
  }

  /**
   * Reads what `text` holds.
   * @param {string} text
   * @throws {Error} with a message for people, if it is something else
   */
  async load(text) {
    try {
      const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
      const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
      if (text.startsWith(PNG)) {
        // Some browsers show an incomplete image.
        if (!letters.endsWith(PNG_END)) throw new RangeError("It is cut short.");
        await this.#read(new Blob([bytes], { type: "image/png" }));
      } else {
        const data = await through(bytes, new DecompressionStream("deflate-raw"));
        if (data.length !== this.#image.data.length) throw new RangeError("It is of another size.");
        this.#image.data.set(data);
        this.#used = true;
      }
      // There is nothing to go back to.
      this.#past = [];
      this.#show();
      await this.#write();
    } catch {
      throw new Error(
        "The drawing in this link cannot be read, perhaps because the link was cut short. These chains began at noise.",
      );
    }
  }

  /** Puts an image on the canvas, cropped to its centre and resized. @param {Blob} file */
  async #read(file) {
    const bitmap = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
    const { width, height } = this.#canvas;
    const scale = Math.max(width / bitmap.width, height / bitmap.height);
    const [across, down] = [bitmap.width * scale, bitmap.height * scale];
    this.#note();
    this.#context.clearRect(0, 0, width, height);
    this.#context.imageSmoothingQuality = "high";
    this.#context.drawImage(bitmap, (width - across) / 2, (height - down) / 2, across, down);
    this.#image.data.set(this.#context.getImageData(0, 0, width, height).data);
    // Pixels are either there or not: none is half transparent.
    for (let at = 3; at < this.#image.data.length; at += 4)
      this.#image.data[at] = this.#image.data[at] < 128 ? 0 : 255;
    this.#used = true;
    this.#show();
  }

  #show() {
    this.#context.putImageData(this.#image, 0, 0);
    this.#hint();
  }

  #hint() {
    const holes = this.hasHoles;
    $("sketch-undo").disabled = !this.#past.length;
    $("strength").disabled = holes;
    $("sketch-hint").textContent = holes
      ? "What is erased is made up; the rest is kept exactly."
      : this.#used
        ? "Each chain begins at the drawing, under noise of that σ."
        : "Draw, open an image, or click one of the grid.";
  }

  /** @param {PointerEvent} event @returns {Point} */
  #point(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - left) / width) * this.#canvas.width,
      y: ((event.clientY - top) / height) * this.#canvas.height,
    };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#note();
    const { data } = this.#image;
    this.#stroke = {
      last: this.#point(event),
      before: data.slice(),
      cover: new Float32Array(data.length / 4),
    };
    this.#paint(this.#stroke.last);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.#stroke) this.#paint(this.#point(event));
  }

  #up() {
    if (!this.#stroke) return;
    this.#stroke = null;
    this.#hint();
    this.#changed();
  }

  /** Continues the stroke. @param {Point} to */
  #paint(to) {
    const stroke = this.#stroke;
    if (!stroke) return;
    const { width, height, data } = this.#image;
    const radius = Math.max(0.5, (BRUSHES[Number($("brush").value) - 1] * width) / 100);
    const ink = $("palette").querySelector(":checked").value;
    const paper = channels(this.#paper);
    const colour = ink === ERASER ? paper : channels(ink);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const cover = Math.min(
          1,
          Math.max(0, radius + 0.5 - distance(x + 0.5, y + 0.5, stroke.last, to)),
        );
        const pixel = y * width + x;
        // A stroke is not thicker where it crosses itself.
        if (cover <= stroke.cover[pixel]) continue;
        stroke.cover[pixel] = cover;
        const at = 4 * pixel;
        if (ink === ERASER) {
          if (cover >= 0.5) data.fill(0, at, at + 4);
          continue;
        }
        const under = stroke.before[at + 3] === 0 ? paper : stroke.before.subarray(at, at + 3);
        for (let c = 0; c < 3; c++) data[at + c] = under[c] + cover * (colour[c] - under[c]);
        data[at + 3] = 255;
      }
    }
    stroke.last = to;
    this.#used = true;
    this.#context.putImageData(this.#image, 0, 0);
  }
}
