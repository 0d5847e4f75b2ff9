// @ts-check
/**
 * The sketch canvas: a drawing of the model's size, pixel by pixel, so that a link carries exactly what the
 * images start from. The page fetches this module when it needs it.
 */
import { $ } from "../dom/dom.js";
import { Stroke, channels } from "./brush.js";
import { History } from "./history.js";
import { paperOf } from "./paper.js";
import { fitted } from "./fit.js";
import { drawByKeys } from "./keys.js";
import { chosenColor, offerColors } from "./palette.js";
import { drawByPointer } from "./pointer.js";
import { ofText, toText } from "./text.js";
import { addStyleSheet } from "../dom/style-sheet.js";

/** @typedef {import("./history.js").Contents} Contents */

/** What is said where a drawing is kept. @type {Record<string, string>} */
const KEPT = {
  gray: "Its gray values are kept, and the model adds colors.",
  blocks: "The means of its squares are kept, and the model adds details.",
};

export class SketchCanvas {
  #canvas = /** @type {HTMLCanvasElement} */ ($("sketch-canvas"));
  #context = /** @type {CanvasRenderingContext2D} */ (
    this.#canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true })
  );
  #image;
  #paper;
  /** Whether anything was drawn since the canvas was empty. */
  #used = false;
  #history = new History();
  /** @type {Stroke | null} */ #stroke = null;
  #text = "";
  /** What takes a moment, one after another: the image that was opened last stays. @type {Promise<unknown>} */
  #work = Promise.resolve();
  #observer;
  /** Settles once the style sheet is loaded. */
  styled;

  /**
   * An empty canvas for a model's images.
   * @param {import("../engine/engine.js").Card} card
   * @param {{ onPaint(): void, onWritten(): void }} observer is called at every change, also in the middle of a
   *   stroke, and when the text for links has been written
   */
  constructor(card, observer) {
    const { image_shape } = card;
    this.#observer = observer;
    this.styled = addStyleSheet("sketch/canvas.css");
    this.#image = new ImageData(image_shape.width, image_shape.height);
    this.#canvas.width = image_shape.width;
    this.#canvas.height = image_shape.height;
    this.#paper = paperOf(card);
    offerColors(image_shape.channels, this.#paper);
    this.clear();
    drawByPointer(this.#canvas, {
      down: (at) => this.#begin(at),
      to: (at) => this.#stroke && this.#paint(at),
      up: () => this.#up(),
    });
    drawByKeys(this.#canvas, {
      down: (at) => this.#begin(at),
      to: (at) => this.#stroke && this.#paint(at),
      up: () => this.#up(),
      mark: (at) => this.#mark(at),
    });
    $("keep").querySelector("[value=gray]").disabled = image_shape.channels < 3;
    $("keep").addEventListener("change", () => {
      this.#hint();
      this.#observer.onPaint();
      this.#observer.onWritten();
    });
    $("sketch-clear").addEventListener("click", () => {
      this.#note();
      this.clear();
      this.#changed();
    });
    $("sketch-undo").addEventListener("click", () => {
      this.#undo();
      // The button that was clicked would lose the focus; what was undone can be done again.
      if ($("sketch-undo").disabled) $("sketch-redo").focus();
    });
    $("sketch-redo").addEventListener("click", () => {
      this.#redo();
      if ($("sketch-redo").disabled) $("sketch-undo").focus();
    });
    addEventListener("keydown", (event) => this.#key(event));
    $("sketch-open").addEventListener("click", () => $("sketch-file").click());
    $("sketch-file").addEventListener("change", () => {
      const [file] = $("sketch-file").files;
      $("sketch-file").value = "";
      if (file) this.open(file);
    });
  }

  /** Puts an image file on the canvas. @param {File} file */
  open(file) {
    return this.#inTurn(async () => {
      try {
        await this.#read(file);
        this.#changed();
      } catch {
        $("sketch-hint").textContent = `${file.name} is not an image that this browser can read.`;
      }
    });
  }

  /** A copy of what is on the canvas. @returns {Contents} */
  #contents() {
    return { data: this.#image.data.slice(), used: this.#used };
  }

  /** Remembers the canvas's contents before they change. */
  #note() {
    this.#history.note(this.#contents());
  }

  #undo() {
    if (!this.#stroke) this.#restore(this.#history.undo(this.#contents()));
  }

  #redo() {
    if (!this.#stroke) this.#restore(this.#history.redo(this.#contents()));
  }

  /** @param {Contents | undefined} contents */
  #restore(contents) {
    if (!contents) return;
    this.#image.data.set(contents.data);
    this.#used = contents.used;
    this.#show();
    this.#changed();
  }

  /** Undoes and redoes by the keys that other programs have for this. @param {KeyboardEvent} event */
  #key(event) {
    // Events that a browser makes while it fills in a field have no key.
    const key = event.key?.toLowerCase();
    const typing = /** @type {HTMLElement} */ (event.target).closest(
      "input:not([type=range]), select, textarea, [contenteditable]",
    );
    if (!(event.ctrlKey || event.metaKey) || event.altKey || typing || $("drawing").hidden) return;
    // While a dialog is open, keys are not meant for the canvas behind it.
    if (document.querySelector("dialog[open]")) return;
    if (key === "z" && !event.shiftKey) this.#undo();
    else if (key === "y" || key === "z") this.#redo();
    else return;
    event.preventDefault();
  }

  clear() {
    this.#stroke = null;
    const [r, g, b] = channels(this.#paper);
    for (let at = 0; at < this.#image.data.length; at += 4)
      this.#image.data.set([r, g, b, 255], at);
    this.#used = false;
    this.#show();
  }

  /** Puts one of the model's images on the canvas. @param {ImageData} image */
  take({ data }) {
    return this.#inTurn(async () => {
      this.#put(data);
      this.#changed();
    });
  }

  /** Whether anything has been drawn. */
  get used() {
    return this.#used;
  }

  /** A copy of the pixels, RGBA. */
  get pixels() {
    const pixels = new Uint8Array(this.#image.data);
    if (!$("keep").value) return pixels;
    // A mean is of all pixels, so erased ones count as paper.
    const paper = [...channels(this.#paper), 255];
    for (let at = 0; at < pixels.length; at += 4) if (!pixels[at + 3]) pixels.set(paper, at);
    return pixels;
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

  #changed() {
    this.#observer.onPaint();
    this.#encode();
  }

  /** Has the drawing encoded now: a link is copied at once, and encoding takes a moment. */
  #encode() {
    this.#inTurn(() => this.#write()).then(() => this.#observer.onWritten());
  }

  /** Runs work after whatever is under way. @param {() => Promise<void>} work */
  #inTurn(work) {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }

  async #write() {
    this.#text = await toText(this.#image.data, this.#canvas);
  }

  /**
   * Reads what a link holds.
   * @param {string} text
   * @throws {Error} with a message for people, if it is something else
   */
  load(text) {
    return this.#inTurn(() => this.#load(text));
  }

  /** @param {string} text */
  async #load(text) {
    try {
      const drawing = await ofText(text);
      const side = drawing instanceof Blob ? 0 : Math.sqrt(drawing.length / 4);
      if (drawing instanceof Blob) await this.#read(drawing);
      // It was drawn for a model with images of another size.
      else if (Number.isInteger(side) && side !== this.#canvas.width)
        await this.#read(new ImageData(new Uint8ClampedArray(drawing), side));
      else {
        if (drawing.length !== this.#image.data.length)
          throw new RangeError("It is of another size.");
        this.#put(drawing);
      }
      // The drawing of the link is the first state: nothing before it can be undone to.
      this.#history.clear();
      this.#show();
      await this.#write();
    } catch {
      throw new Error(
        "The drawing in this link cannot be read, perhaps because the link was cut short. These images started at noise.",
      );
    }
  }

  /** Puts an image on the canvas, cropped to its center and resized. @param {Blob | ImageData} file */
  async #read(file) {
    const bitmap = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
    this.#put(fitted(this.#context, bitmap));
    bitmap.close();
  }

  /** Puts pixels on the canvas. A stroke on what was there ends. @param {ArrayLike<number>} pixels RGBA */
  #put(pixels) {
    this.#stroke = null;
    this.#note();
    this.#image.data.set(pixels);
    this.#used = true;
    this.#show();
  }

  #show() {
    this.#context.putImageData(this.#image, 0, 0);
    this.#hint();
  }

  #hint() {
    const holes = this.hasHoles;
    $("sketch-undo").disabled = !this.#history.canUndo;
    $("sketch-redo").disabled = !this.#history.canRedo;
    const keep = $("keep").value;
    $("strength").disabled = holes || keep;
    $("sketch-hint").textContent = keep
      ? KEPT[keep]
      : holes
        ? "The model fills in what is erased; the rest is kept exactly."
        : this.#used
          ? "Each image starts from the drawing, under noise of that σ. Click one to keep it here."
          : "Draw, and watch the images follow. Or open an image, or click one to start from it.";
  }

  /** Begins a stroke. @param {import("./brush.js").Point} start */
  #begin(start) {
    this.#note();
    this.#stroke = new Stroke(this.#image, start, {
      brush: Number($("brush").value),
      paper: this.#paper,
      color: chosenColor(),
    });
    this.#paint(start);
  }

  /** Shows the dot that keys move, or hides it. @param {import("./brush.js").Point | null} at */
  #mark(at) {
    this.#context.putImageData(this.#image, 0, 0);
    if (!at) return;
    const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
    // In a color that the palette does not have, so that it can be told from the drawing.
    this.#context.fillStyle = this.#stroke ? "#ff3d7f" : "#00b4d8";
    this.#context.fillRect(x, y, 1, 1);
  }

  #up() {
    if (!this.#stroke) return;
    this.#stroke = null;
    this.#hint();
    this.#encode();
  }

  /** Continues the stroke. @param {import("./brush.js").Point} to */
  #paint(to) {
    this.#stroke?.to(to);
    this.#used = true;
    this.#context.putImageData(this.#image, 0, 0);
    this.#observer.onPaint();
  }
}
