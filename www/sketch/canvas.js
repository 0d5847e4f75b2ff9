// @ts-check
/**
 * The sketch canvas: a drawing of the model's size, pixel by pixel, so that a link carries exactly what the
 * images start from. The page fetches this module when it needs it.
 */
import { isDialogOpen } from "../dom/dialog.js";
import { $, isTyping } from "../dom/dom.js";
import { channels } from "./brush.js";
import { paperOf } from "./paper.js";
import { fitted, inverted, isOpposite } from "./fit.js";
import { chosenColor, offerColors } from "./palette.js";
import { Sheet } from "./sheet.js";
import { ofText, toText } from "./text.js";
import { addStyleSheet } from "../dom/style-sheet.js";

/** What is said where a drawing is kept. @type {Record<string, string>} */
const KEPT = {
  gray: "Its gray values are kept, and the model adds colors.",
  blocks: "The means of its squares are kept, and the model adds details.",
};

export class SketchCanvas {
  #canvas = /** @type {HTMLCanvasElement} */ ($("sketch-canvas"));
  #sheet = new Sheet(this.#canvas, {
    tool: () => ({ brush: Number($("brush").value), color: chosenColor() }),
    onPaint: () => this.#observer.onPaint(),
    onStroke: () => {
      this.#hint();
      this.#encode();
    },
  });
  #text = "";
  /** Whether the model's images have no colors. */
  #gray;
  /** What takes a moment, one after another: the image that was opened last stays. @type {Promise<unknown>} */
  #work = Promise.resolve();
  #observer;
  /** Settles once the style sheet is loaded. */
  styled;

  /**
   * An empty canvas for a model's images.
   * @param {import("../types.js").Card} card
   * @param {{ onPaint(): void, onWritten(): void }} observer is called at every change, also in the middle of a
   *   stroke, and when the text for links has been written
   */
  constructor(card, observer) {
    const { image_shape } = card;
    this.#observer = observer;
    this.#gray = image_shape.channels < 3;
    this.styled = Promise.all(
      ["sketch/palette.css", "sketch/canvas.css"].map((name) => addStyleSheet(name)),
    );
    this.#sheet.renew(image_shape.width, image_shape.height, paperOf(card));
    offerColors(image_shape.channels, this.#sheet.paper);
    this.#hint();
    $("keep").querySelector("[value=gray]").disabled = this.#gray;
    $("palette").addEventListener("change", () => this.#hint());
    $("sketch-invert").hidden = !this.#gray;
    $("sketch-invert").addEventListener("click", () =>
      this.#inTurn(async () => {
        this.#sheet.put(inverted(this.#sheet.image.data));
        this.#changed();
      }),
    );
    $("keep").addEventListener("change", () => {
      this.#hint();
      this.#observer.onPaint();
      this.#observer.onWritten();
    });
    $("sketch-clear").addEventListener("click", () => {
      this.#sheet.note();
      this.#sheet.wipe();
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
        const turned = await this.#read(file, this.#gray);
        const way = this.#sheet.paper === "#000000" ? "white on black" : "black on white";
        this.#changed(
          turned ? `Inverted: this model draws ${way}. “Invert” turns it back.` : undefined,
        );
      } catch {
        $("sketch-hint").textContent = `${file.name} is not an image that this browser can read.`;
      }
    });
  }

  #undo() {
    if (this.#sheet.undo()) this.#changed();
  }

  #redo() {
    if (this.#sheet.redo()) this.#changed();
  }

  /** Undoes and redoes by the keys that other programs have for this. @param {KeyboardEvent} event */
  #key(event) {
    // Events that a browser makes while it fills in a field have no key.
    const key = event.key?.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || event.altKey || $("drawing").hidden) return;
    if (isTyping(event.target)) return;
    // While a dialog is open, keys are not meant for the canvas behind it.
    if (isDialogOpen()) return;
    if (key === "z" && !event.shiftKey) this.#undo();
    else if (key === "y" || key === "z") this.#redo();
    else return;
    event.preventDefault();
  }

  /** Puts one of the model's images on the canvas. @param {ImageData} image */
  take({ data }) {
    return this.#inTurn(async () => {
      this.#sheet.put(data);
      this.#changed();
    });
  }

  /** Whether anything has been drawn. */
  get used() {
    return this.#sheet.used;
  }

  /** A copy of the pixels, RGBA. */
  get pixels() {
    const pixels = new Uint8Array(this.#sheet.image.data);
    if (!$("keep").value) return pixels;
    // A mean is of all pixels, so erased ones count as paper.
    const paper = [...channels(this.#sheet.paper), 255];
    for (let at = 0; at < pixels.length; at += 4) if (!pixels[at + 3]) pixels.set(paper, at);
    return pixels;
  }

  /** Whether the eraser has left holes for the model to fill in. */
  get hasHoles() {
    const { data } = this.#sheet.image;
    for (let at = 3; at < data.length; at += 4) if (data[at] === 0) return true;
    return false;
  }

  /** The drawing for a link: its pixels, deflated, in base64url. */
  get text() {
    return this.#text;
  }

  /** To be called when the sheet was changed other than by a stroke. @param {string} [said] in place of what can be done now */
  #changed(said) {
    this.#hint(said);
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
    this.#text = await toText(this.#sheet.image.data, this.#canvas);
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
        if (drawing.length !== this.#sheet.image.data.length)
          throw new RangeError("It is of another size.");
        this.#sheet.put(drawing);
      }
      // The drawing of the link is the first state: nothing before it can be undone to.
      this.#sheet.forget();
      this.#hint();
      await this.#write();
    } catch {
      throw new Error(
        "The drawing in this link cannot be read, perhaps because the link was cut short. These images started at noise.",
      );
    }
  }

  /**
   * Puts an image on the canvas, cropped to its center and resized.
   * @param {Blob | ImageData} file @param {boolean} [turns] whether an image with the opposite of the paper around it is inverted
   * @returns {Promise<boolean>} whether it was
   */
  async #read(file, turns = false) {
    const bitmap = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
    const pixels = fitted(this.#sheet.context, bitmap);
    bitmap.close();
    const [paper] = channels(this.#sheet.paper);
    const turned = turns && isOpposite(pixels, this.#canvas.width, paper);
    this.#sheet.put(turned ? inverted(pixels) : pixels);
    return turned;
  }

  /** Says what can be done now. @param {string} [said] or something else */
  #hint(said) {
    const holes = this.hasHoles;
    $("keep").options[0].text = holes ? "kept, with the holes filled in" : "a start, under noise";
    $("sketch-undo").disabled = !this.#sheet.canUndo;
    $("sketch-redo").disabled = !this.#sheet.canRedo;
    const keep = $("keep").value;
    $("strength").disabled = holes || keep;
    const now = keep
      ? KEPT[keep]
      : holes
        ? "The model fills in what is erased; the rest is kept exactly."
        : this.used
          ? chosenColor() === null
            ? "Erase a part, and the model fills it in."
            : "Each image starts from the drawing, under noise of that σ. Click one to keep it here. Or erase a part, and the model fills it in."
          : "Draw, and watch the images follow. Or open an image, or click one to start from it.";
    $("sketch-hint").textContent = said ?? now;
  }
}
