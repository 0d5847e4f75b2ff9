// @ts-check
/** A small canvas to draw training images on, one after another, with the strokes and keys of the sketch canvas. */
import { element } from "../dom/dom.js";
import { Stroke, channels } from "../sketch/brush.js";
import { History } from "../sketch/history.js";
import { drawByKeys } from "../sketch/keys.js";
import { colorChoices } from "../sketch/palette.js";
import { drawByPointer } from "../sketch/pointer.js";

/** The width of the brush until one chooses another: see `sketch/brush.js`. */
const BRUSH = 3;

export class TrainingSketch {
  root = element("div", "", { className: "train-sketch" });
  #canvas = element("canvas", "", { id: "train-canvas", tabIndex: 0 });
  #context = this.#canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
  #palette = element("div", "", { className: "palette" });
  #brush = element("input", "", {
    type: "range",
    min: 1,
    max: 5,
    value: BRUSH,
    autocomplete: "off",
  });
  #add = element("button", "Add this drawing", { type: "button", id: "train-add-drawing" });
  #undo = element("button", "Undo", { type: "button" });
  #clear = element("button", "Clear", { type: "button" });
  #image = new ImageData(1, 1);
  #paper = "#ffffff";
  #used = false;
  #history = new History();
  /** @type {Stroke | null} */ #stroke = null;

  /** @param {(drawing: ImageData) => void} onDrawing called with each that is to be an image of the set */
  constructor(onDrawing) {
    const canvas = this.#canvas;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", "Your drawing: arrow keys move a dot, space draws");
    this.#palette.setAttribute("role", "radiogroup");
    this.#palette.setAttribute("aria-label", "Color");
    const brush = element("label", "", { className: "range" });
    brush.append(element("span", "Brush"), this.#brush);
    const actions = element("div", "", { className: "actions" });
    actions.append(this.#add, this.#undo, this.#clear);
    const tools = element("div", "", { className: "train-tools" });
    tools.append(
      this.#palette,
      brush,
      actions,
      element("p", "Each drawing that you add is one image. Draw the same thing in many ways.", {
        className: "hint",
      }),
    );
    this.root.append(canvas, tools);
    drawByPointer(canvas, {
      down: (at) => this.#begin(at),
      to: (at) => this.#stroke && this.#paint(at),
      up: () => (this.#stroke = null),
    });
    drawByKeys(canvas, {
      down: (at) => this.#begin(at),
      to: (at) => this.#paint(at),
      up: () => (this.#stroke = null),
      mark: (at) => this.#mark(at),
    });
    this.#add.addEventListener("click", () => {
      const { data, width, height } = this.#image;
      onDrawing(new ImageData(data.slice(), width, height));
      this.#empty();
      this.#keepFocus(this.#add);
    });
    this.#clear.addEventListener("click", () => {
      this.#note();
      this.#wipe();
      this.#keepFocus(this.#clear);
    });
    this.#undo.addEventListener("click", () => {
      const before = this.#history.undo(this.#contents());
      if (!before) return;
      this.#image.data.set(before.data);
      this.#used = before.used;
      this.#show();
      this.#keepFocus(this.#undo);
    });
  }

  /** A button that is of no use any more would lose the focus. @param {HTMLButtonElement} clicked */
  #keepFocus(clicked) {
    if (clicked.disabled) this.#canvas.focus();
  }

  /** Makes it a canvas for images of a shape. @param {import("../types.js").ImageShape} shape @param {string} paper */
  shape({ channels: count, height, width }, paper) {
    if (this.#canvas.width === width && this.#paper === paper && this.#palette.children.length) {
      const colors = this.#palette.children.length;
      if (colors > 3 === count > 1) return;
    }
    Object.assign(this.#canvas, { width, height });
    this.#paper = paper;
    this.#image = new ImageData(width, height);
    this.#palette.replaceChildren(...colorChoices("train-drawing-color", count, paper));
    this.#empty();
  }

  #empty() {
    this.#history = new History();
    this.#wipe();
  }

  #wipe() {
    const pixel = [...channels(this.#paper), 255];
    for (let at = 0; at < this.#image.data.length; at += 4) this.#image.data.set(pixel, at);
    this.#used = false;
    this.#show();
  }

  #contents() {
    return { data: this.#image.data.slice(), used: this.#used };
  }

  #note() {
    this.#history.note(this.#contents());
  }

  #show() {
    this.#context.putImageData(this.#image, 0, 0);
    this.#add.disabled = this.#clear.disabled = !this.#used;
    this.#undo.disabled = !this.#history.canUndo;
  }

  /** @param {import("../sketch/brush.js").Point} start */
  #begin(start) {
    this.#note();
    const color = this.#palette.querySelector(":checked")?.value ?? "#000000";
    const brush = Number(this.#brush.value);
    this.#stroke = new Stroke(this.#image, start, { brush, paper: this.#paper, color });
    this.#paint(start);
  }

  /** @param {import("../sketch/brush.js").Point} to */
  #paint(to) {
    this.#stroke?.to(to);
    this.#used = true;
    this.#show();
  }

  /** Shows where the dot is that keys move. @param {import("../sketch/brush.js").Point | null} at */
  #mark(at) {
    this.#context.putImageData(this.#image, 0, 0);
    if (!at) return;
    // No palette has these colors, so the dot shows on every drawing.
    this.#context.fillStyle = this.#stroke ? "#ff3d7f" : "#00b4d8";
    this.#context.fillRect(Math.floor(at.x), Math.floor(at.y), 1, 1);
  }
}
