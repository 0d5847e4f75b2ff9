// @ts-check
/**
 * A sheet of paper on a canvas, to draw on with a pointer or by keys, pixel by pixel; what was there before can be
 * brought back. Its owner has the tools.
 */
import { Stroke, channels } from "./brush.js";
import { History } from "./history.js";
import { drawByKeys } from "./keys.js";
import { drawByPointer } from "./pointer.js";

/** The colors of the dot that keys move, while it draws and while it does not: no palette has these, so it can be seen. */
const DRAWS = "#ff3d7f";
const MOVES = "#00b4d8";

/** @typedef {import("./brush.js").Point} Point */
/**
 * @typedef {object} Owner
 * @property {() => { brush: number, color: string | null }} tool what is drawn with: see `Stroke`
 * @property {() => void} onPaint called at every change by a stroke
 * @property {() => void} [onStroke] called at the end of a stroke
 */

export class Sheet {
  /** What is on it. */
  image = new ImageData(1, 1);
  /** The color of the paper. */
  paper = "#ffffff";
  /** Whether anything was drawn since it was empty. */
  used = false;
  /** The canvas's. What is drawn there otherwise is gone when the sheet changes. */
  context;
  #owner;
  #history = new History();
  /** @type {Stroke | null} */ #stroke = null;

  /** @param {HTMLCanvasElement} canvas @param {Owner} owner */
  constructor(canvas, owner) {
    this.context = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true })
    );
    this.#owner = owner;
    const pen = {
      down: (/** @type {Point} */ at) => this.#begin(at),
      to: (/** @type {Point} */ at) => this.#paint(at),
      up: () => this.#up(),
      mark: (/** @type {Point | null} */ at) => this.#mark(at),
    };
    drawByPointer(canvas, pen);
    drawByKeys(canvas, pen);
  }

  /** Takes an empty sheet of another size or color. @param {number} width @param {number} height @param {string} paper */
  renew(width, height, paper) {
    Object.assign(this.context.canvas, { width, height });
    this.image = new ImageData(width, height);
    this.paper = paper;
    this.forget();
    this.wipe();
  }

  /** Empties it. */
  wipe() {
    this.#stroke = null;
    const pixel = [...channels(this.paper), 255];
    for (let at = 0; at < this.image.data.length; at += 4) this.image.data.set(pixel, at);
    this.used = false;
    this.#show();
  }

  /** Puts pixels on it. A stroke on what was there ends. @param {ArrayLike<number>} pixels RGBA */
  put(pixels) {
    this.#stroke = null;
    this.note();
    this.image.data.set(pixels);
    this.used = true;
    this.#show();
  }

  /** Remembers what is on it, which is about to change. */
  note() {
    this.#history.note(this.#contents());
  }

  /** Forgets what was on it before. */
  forget() {
    this.#history = new History();
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /** Brings back what was on it before. @returns {boolean} whether there was anything, and no stroke is under way */
  undo() {
    return this.#restore((present) => this.#history.undo(present));
  }

  /** Does again what was undone. @returns {boolean} as `undo` */
  redo() {
    return this.#restore((present) => this.#history.redo(present));
  }

  /** @param {(present: import("./history.js").Contents) => import("./history.js").Contents | undefined} find */
  #restore(find) {
    const found = this.#stroke ? undefined : find(this.#contents());
    if (!found) return false;
    this.image.data.set(found.data);
    this.used = found.used;
    this.#show();
    return true;
  }

  /** A copy of what is on it. */
  #contents() {
    return { data: this.image.data.slice(), used: this.used };
  }

  #show() {
    this.context.putImageData(this.image, 0, 0);
  }

  /** Begins a stroke. @param {Point} start */
  #begin(start) {
    this.note();
    this.#stroke = new Stroke(this.image, start, { ...this.#owner.tool(), paper: this.paper });
    this.#paint(start);
  }

  /** Goes on with the stroke, unless other contents have ended it. @param {Point} to */
  #paint(to) {
    if (!this.#stroke) return;
    this.#stroke.to(to);
    this.used = true;
    this.#show();
    this.#owner.onPaint();
  }

  #up() {
    if (!this.#stroke) return;
    this.#stroke = null;
    this.#owner.onStroke?.();
  }

  /** Shows where the dot is that keys move, or hides it. @param {Point | null} at */
  #mark(at) {
    this.#show();
    if (!at) return;
    this.context.fillStyle = this.#stroke ? DRAWS : MOVES;
    this.context.fillRect(Math.floor(at.x), Math.floor(at.y), 1, 1);
  }
}
