// @ts-check
/** A small canvas to draw training images on, one after another, as on the sketch canvas. */
import { element } from "../dom/dom.js";
import { colorChoices } from "../sketch/palette.js";
import { Sheet } from "../sketch/sheet.js";

/** The width of the brush until one chooses another: see `sketch/brush.js`. */
const BRUSH = 3;

export class TrainingSketch {
  root = element("div", "", { className: "train-sketch" });
  #canvas = element("canvas", "", { id: "train-canvas", tabIndex: 0 });
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
  #sheet = new Sheet(this.#canvas, {
    tool: () => ({
      brush: Number(this.#brush.value),
      color: this.#palette.querySelector(":checked")?.value ?? "#000000",
    }),
    onPaint: () => this.#offer(),
  });

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
    this.#does(this.#add, (sheet) => {
      const { data, width, height } = sheet.image;
      onDrawing(new ImageData(data.slice(), width, height));
      sheet.forget();
      sheet.wipe();
    });
    this.#does(this.#clear, (sheet) => {
      sheet.note();
      sheet.wipe();
    });
    this.#does(this.#undo, (sheet) => sheet.undo());
  }

  /** @param {HTMLButtonElement} button @param {(sheet: Sheet) => void} act */
  #does(button, act) {
    button.addEventListener("click", () => {
      act(this.#sheet);
      this.#offer();
      // A button that is of no use any more would lose the focus.
      if (button.disabled) this.#canvas.focus();
    });
  }

  /** Makes it a canvas for images of a shape. @param {import("../types.js").ImageShape} shape @param {string} paper */
  shape({ channels: count, height, width }, paper) {
    const colors = this.#palette.children.length;
    const same = this.#canvas.width === width && this.#sheet.paper === paper;
    if (same && colors && colors > 3 === count > 1) return;
    this.#palette.replaceChildren(...colorChoices("train-drawing-color", count, paper));
    this.#sheet.renew(width, height, paper);
    this.#offer();
  }

  /** Offers what can be done now. */
  #offer() {
    this.#add.disabled = this.#clear.disabled = !this.#sheet.used;
    this.#undo.disabled = !this.#sheet.canUndo;
  }
}
