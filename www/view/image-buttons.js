// @ts-check
/**
 * A button over each image of the grid, to do something with that image. For the keyboard they are one stop, and
 * arrow keys go from image to image. The page fetches this when the first images are there.
 */
import { $ } from "../dom/dom.js";

export class ImageButtons {
  #layer = document.createElement("div");
  #verb = "";
  /** The number of the button that the tab key leads to. */
  #current = 0;

  /** @param {(index: number) => void} act */
  constructor(act) {
    const layer = this.#layer;
    layer.className = "image-buttons";
    layer.setAttribute("role", "group");
    layer.setAttribute("aria-label", "Single images");
    $("grid-frame").append(layer);
    layer.addEventListener("click", ({ target }) => {
      const at = this.#buttons.indexOf(/** @type {any} */ (target));
      if (at >= 0) act(at);
    });
    layer.addEventListener("focusin", ({ target }) =>
      this.#settle(this.#buttons.indexOf(/** @type {any} */ (target))),
    );
    layer.addEventListener("keydown", (event) => this.#key(event));
  }

  get #buttons() {
    return /** @type {HTMLButtonElement[]} */ ([...this.#layer.children]);
  }

  /** The image that the keyboard is at, or was last. */
  get current() {
    return this.#current;
  }

  /** What the buttons do, as a verb for their names. @param {string} verb */
  set verb(verb) {
    this.#verb = verb;
    for (const [at, button] of this.#buttons.entries())
      button.setAttribute("aria-label", `${verb} image ${at + 1}`);
  }

  /** Puts the buttons where the images are. @param {import("./grid.js").Place[]} places */
  place(places) {
    const focused = this.#layer.contains(document.activeElement);
    while (this.#layer.children.length > places.length) this.#layer.lastElementChild?.remove();
    while (this.#layer.children.length < places.length) {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", tabIndex: -1 });
      this.#layer.append(button);
    }
    for (const [at, button] of this.#buttons.entries()) Object.assign(button.style, places[at]);
    this.verb = this.#verb;
    this.#settle(this.#current);
    // The button that had the focus may be gone.
    if (focused) this.#buttons[this.#current]?.focus({ preventScroll: true });
  }

  /** @param {number} at */
  #settle(at) {
    const buttons = this.#buttons;
    if (buttons[this.#current]) buttons[this.#current].tabIndex = -1;
    this.#current = Math.max(0, Math.min(buttons.length - 1, at));
    if (buttons[this.#current]) buttons[this.#current].tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const columns = Number($("grid").dataset.columns);
    const last = this.#layer.children.length - 1;
    /** @type {Record<string, number>} */
    const places = {
      ArrowLeft: this.#current - 1,
      ArrowRight: this.#current + 1,
      ArrowUp: this.#current - columns,
      ArrowDown: this.#current + columns,
      Home: 0,
      End: last,
    };
    const place = places[event.key];
    if (place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#buttons[Math.max(0, Math.min(last, place))]?.focus();
  }
}
