// @ts-check
/** The frame of a live figure in "How it works": a canvas, and beside it the controls and a line of text. */
import { element } from "../dom/dom.js";
import { announce, showSilently } from "../dom/live-region.js";
import { onPixelRatio } from "../dom/pixel-ratio.js";
import { lessMotion } from "../state/state.js";

let ids = 0;

export class Stop {
  /** @type {HTMLElement} */ figure;
  canvas = /** @type {HTMLCanvasElement} */ (element("canvas", "", { width: 1, height: 1 }));
  #dials = element("div", "", { className: "dials" });
  #text = element("p", "", { className: "hint" });
  #frame = 0;
  /** What plays, frame by frame. @type {FrameRequestCallback | null} */ #next = null;
  /** Whether most of it is in the window. */
  #seen = false;
  /** What is to happen when it is first seen, or seen again. */
  #act = () => {};

  /**
   * @param {HTMLElement} figure that is empty
   * @param {string} label what the canvas shows, in words
   */
  constructor(figure, label) {
    this.figure = figure;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    this.#text.setAttribute("role", "status");
    this.#dials.append(this.#text);
    const frame = element("div", "", { className: "stop-frame" });
    frame.append(this.canvas);
    figure.replaceChildren(frame, this.#dials);
    new ResizeObserver(() => this.paint()).observe(frame);
    onPixelRatio(() => this.paint());
  }

  /** Paints it as it is now. */
  paint() {}

  /** Says something below the dials. @param {string} text */
  say(text) {
    announce(this.#text, text);
  }

  /** The same for what changes with every frame, or while a slider moves. @param {string} text */
  sayPassing(text) {
    showSilently(this.#text, text);
  }

  /** How small the noise is, from 0 to 1: it chooses the color of the figure's parts. @param {number} fraction */
  set coldness(fraction) {
    this.figure.style.setProperty("--coldness", `${(100 * fraction).toFixed(1)}%`);
  }

  /**
   * A slider from 0 to 1.
   * @param {string} name @param {number} value
   * @param {(value: number) => string} change applies the value, and returns it as text for visitors
   */
  slider(name, value, change) {
    const id = `stop-${ids++}`;
    const label = element("label", "", { className: "range", htmlFor: id });
    const output = element("output", "", { htmlFor: id });
    // The slider has the same text as its value.
    output.setAttribute("aria-live", "off");
    const input = element("input", "", { type: "range", id, min: 0, max: 1, step: 0.01 });
    input.value = String(value);
    input.autocomplete = "off";
    const read = () => {
      output.textContent = change(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", read);
    label.append(element("span", name), output, input);
    this.#text.before(label);
    return { input, read };
  }

  /** @param {string} name @param {() => void} act */
  button(name, act) {
    const button = element("button", name, { type: "button" });
    button.addEventListener("click", act);
    const actions = element("div", "", { className: "actions" });
    actions.append(button);
    this.#text.before(actions);
    return button;
  }

  /** @param {string} name @param {[value: string, text: string][]} options @param {(value: string) => void} change */
  select(name, options, change) {
    const id = `stop-${ids++}`;
    const select = element("select", "", { id, autocomplete: "off" });
    select.append(...options.map(([value, text]) => new Option(text, value)));
    select.addEventListener("change", () => change(select.value));
    const field = element("span", "", { className: "field" });
    field.append(select);
    const row = element("div", "", { className: "row" });
    row.append(element("label", name, { htmlFor: id }), field);
    this.#text.before(row);
    return select;
  }

  /** Does something when the figure is first seen, unless the visitor prefers less motion: then a button starts it. @param {() => void} act */
  whenSeen(act) {
    const observer = new IntersectionObserver(
      (changes) => {
        this.#seen = changes[changes.length - 1].isIntersecting;
        this.#goOn();
        if (!this.#seen) return;
        this.#act();
        this.#act = () => {};
      },
      { threshold: 0.5 },
    );
    observer.observe(this.canvas);
    if (!lessMotion.matches) this.#act = act;
  }

  /**
   * Does something in each frame, at most for a while, and rests while the figure is out of sight.
   * @param {number} milliseconds how long it takes
   * @param {(fraction: number) => void} act from 0 to 1
   */
  play(milliseconds, act) {
    let [elapsed, before] = [0, performance.now()];
    this.#next = (now) => {
      elapsed += Math.min(now - before, 100);
      before = now;
      act(Math.min(1, elapsed / milliseconds));
      if (elapsed >= milliseconds) this.#next = null;
      this.#goOn();
    };
    this.#goOn();
  }

  /** Plays on in the next frame, or when it is seen again. */
  #goOn() {
    cancelAnimationFrame(this.#frame);
    if (this.#seen && this.#next) this.#frame = requestAnimationFrame(this.#next);
  }
}

/** Normal random numbers, always the same for a seed (Box and Muller, 1958). @param {number} count @param {number} seed */
export function normal(count, seed) {
  let state = seed;
  // A linear congruential generator, good enough for a figure.
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >>> 8) + 0.5) / 2 ** 24;
  };
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
