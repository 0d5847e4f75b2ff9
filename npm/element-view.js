// @ts-check
/** What an element shows: images that fill the space, and below them the controls. */
import { onPixelRatio } from "../www/dom/pixel-ratio.js";
import { arrange, sizeOf } from "../www/view/arrange.js";

/** @typedef {import("./frame.js").Frame} Frame */

const STYLE = `
  :host { display: inline-flex; flex-direction: column; width: 20rem; max-width: 100%; vertical-align: top; box-sizing: border-box; }
  :host([hidden]), [hidden] { display: none !important; }
  :host(:not([controls])) .controls { display: none; }
  .frame { position: relative; flex: 1 1 auto; min-height: 0; aspect-ratio: 1; overflow: hidden; background: var(--ncsn-background, #0f1315); border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: var(--ncsn-radius, 3px); }
  canvas { position: absolute; inset: 0; margin: auto; image-rendering: pixelated; }
  .message { position: absolute; inset: 0; box-sizing: border-box; margin: 0; padding: 1rem; overflow: auto; color: #f2f4f3; background: #0f1315; font-size: 0.875em; line-height: 1.45; overflow-wrap: anywhere; }
  .controls { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.75rem; padding-top: 0.5rem; font-variant-numeric: tabular-nums; }
  button { font: inherit; font-size: 0.875em; min-height: 2.75em; padding: 0 1em; color: inherit; background: transparent; border: 1px solid color-mix(in srgb, currentColor 45%, transparent); border-radius: var(--ncsn-radius, 3px); cursor: pointer; }
  button[aria-disabled="true"] { cursor: default; opacity: 0.6; }
  button:not([aria-disabled="true"]):hover { background: color-mix(in srgb, currentColor 10%, transparent); }
  button:focus-visible { outline: 2px solid var(--ncsn-accent, #e9762b); outline-offset: 2px; }
  .reading { font-size: 0.875em; opacity: 0.85; }
  .status { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
`;

export class ElementView {
  #frame;
  #canvas;
  #message;
  #reading;
  #status;
  /** The main button. */ button;
  /** @type {Frame | null} */ #shown = null;
  #resized;
  /** Ends when the size of a device pixel is not followed any more. */
  #following = new AbortController();

  /** @param {ShadowRoot} root */
  constructor(root) {
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    this.#frame = part("div", "frame");
    this.#canvas = part("canvas", "canvas");
    // An image without a name would be of no use to those who do not see it.
    this.#canvas.hidden = true;
    this.#canvas.setAttribute("role", "img");
    this.#message = part("p", "message");
    this.#message.setAttribute("role", "alert");
    this.#message.hidden = true;
    this.#status = part("p", "status");
    this.#status.setAttribute("role", "status");
    const controls = part("div", "controls");
    this.button = part("button", "button");
    this.button.type = "button";
    this.#reading = part("span", "reading");
    controls.append(this.button, this.#reading);
    this.#frame.append(this.#canvas, this.#message, this.#status);
    root.append(this.#frame, controls);
    this.#resized = new ResizeObserver(() => this.#fit());
  }

  /** Follows the size of the element, in device pixels, from now on, or no longer. @param {boolean} on */
  follow(on) {
    this.#following.abort();
    this.#following = new AbortController();
    if (on) {
      this.#resized.observe(this.#frame);
      onPixelRatio(() => this.#fit(), this.#following.signal);
    } else this.#resized.disconnect();
  }

  /** @param {Frame} frame @param {string} label what the images are, for those who do not see them */
  show(frame, label) {
    this.#shown = frame;
    this.#canvas.hidden = false;
    this.label(label);
    this.showProgress(frame);
    this.#fit();
  }

  /** Names the images that are shown, if there are any. @param {string} label */
  label(label) {
    if (!this.#shown) return;
    const { step, steps, done } = this.#shown;
    this.#canvas.setAttribute("aria-label", done ? label : `${label}, step ${step} of ${steps}`);
  }

  /** @param {{ step: number, steps: number, sigma: number, done: boolean }} progress */
  showProgress({ step, steps, sigma, done }) {
    this.#reading.textContent = done
      ? `${steps} ${steps === 1 ? "step" : "steps"}`
      : `step ${step} of ${steps}, σ ${Number(sigma.toPrecision(2))}`;
  }

  /** Removes the images. */
  clear() {
    this.#shown = null;
    this.#canvas.hidden = true;
    this.#reading.textContent = "";
  }

  /** @param {number} loaded @param {number} total bytes; 0 if it is not known */
  showLoading(loaded, total) {
    this.#reading.textContent = total
      ? `Loading, ${Math.floor((100 * loaded) / total)} %`
      : "Loading";
  }

  /** Says something to those who do not see it. @param {string} text */
  say(text) {
    this.#status.textContent = text;
  }

  /** Shows what is wrong in place of the images, or shows these again. @param {string} text */
  complain(text) {
    this.#message.hidden = !text;
    this.#message.textContent = text;
    if (text) this.#reading.textContent = "";
  }

  /** Arranges the images in the space that there is, and draws them. */
  #fit() {
    const frame = this.#shown;
    const { clientWidth, clientHeight } = this.#frame;
    if (!frame || !clientWidth || !clientHeight) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const { count, width, height } = frame;
    const [x, y] = [clientWidth * ratio, clientHeight * ratio];
    const { columns, rows, gap, scale } = arrange(count, width, height, x, y);
    frame.draw(this.#canvas, { columns, gap });
    const [across, down] = sizeOf({ columns, rows, gap, width, height }).map(
      (length) => length * scale,
    );
    // If there are more images than the space has pixels for, they shrink.
    const shrink = Math.min(1, x / across, y / down);
    this.#canvas.style.width = `${(across * shrink) / ratio}px`;
    this.#canvas.style.height = `${(down * shrink) / ratio}px`;
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {string} name for the style sheets of the page, and ours
 */
function part(tag, name) {
  const element = document.createElement(tag);
  element.className = name;
  element.setAttribute("part", name);
  return element;
}
