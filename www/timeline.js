// @ts-check
/**
 * The σ curve as a slider: back through the steps of a run, by hand or as a film.
 *
 * What was shown lies on a canvas of its own over the grid. The chains stay where they are, and whatever acts on
 * them shows them again.
 */
import { $ } from "./dom.js";

/** How long a whole film takes, forwards or backwards. */
const FILM_MS = 4000;

/** @typedef {import("./film.js").Frame} Frame */
/**
 * @typedef {object} Page
 * @property {(x: number) => number} stepAt which step is at a place of the window
 * @property {() => Promise<void>} pause settles when nothing of the run is under way any more
 * @property {(frame: Frame) => void} show shows the readings of a frame
 */

export class Timeline {
  #slider = /** @type {HTMLElement} */ ($("timeline"));
  #canvas = /** @type {HTMLCanvasElement} */ ($("replay"));
  #film;
  #page;
  /** @type {Frame | null} what is shown of the past */ #shown = null;
  #playing = 0;
  /** Whether what was under way at a pause may still be drawn. */
  #settling = false;

  /** @param {import("./film.js").Film} film @param {Page} page */
  constructor(film, page) {
    this.#film = film;
    this.#page = page;
    const drag = (/** @type {PointerEvent} */ event) => this.#go(page.stepAt(event.clientX));
    this.#slider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#slider.setPointerCapture(event.pointerId);
      drag(event);
    });
    this.#slider.addEventListener("pointermove", (event) => {
      if (this.#slider.hasPointerCapture(event.pointerId)) drag(event);
    });
    this.#slider.addEventListener("keydown", (event) => this.#key(event));
    const compare = $("compare");
    for (const begin of ["pointerdown", "keydown"])
      compare.addEventListener(begin, (/** @type {any} */ event) => {
        if (begin === "pointerdown" || event.key === " " || event.key === "Enter")
          this.#compare(true);
      });
    for (const end of ["pointerup", "pointercancel", "pointerleave", "keyup", "blur"])
      compare.addEventListener(end, () => this.#compare(false));
    $("backwards").addEventListener("click", () => this.#play(this.#atStart ? 1 : -1));
  }

  /** What the grid shows of the past. */
  get past() {
    return this.#shown;
  }

  /** To be called when the grid was drawn: the present is shown again, unless that was still under way at a pause. */
  drawn() {
    if (!this.#settling) this.leave();
  }

  /** Pauses the run. The readings are those of what is shown, even if a last batch is drawn meanwhile. */
  async #pause() {
    if (this.#settling) return;
    this.#settling = true;
    try {
      await this.#page.pause();
    } finally {
      this.#settling = false;
    }
    if (this.#shown) this.#page.show(this.#shown);
  }

  /** Shows the present again. */
  leave() {
    cancelAnimationFrame(this.#playing);
    if (!this.#shown) return;
    this.#shown = null;
    this.#canvas.hidden = true;
    this.#name();
  }

  /** Shows the end of the run instead of its past, for as long as a button is held. @param {boolean} on */
  #compare(on) {
    const last = this.#film.frames.at(-1);
    if (!this.#shown || !last) return;
    cancelAnimationFrame(this.#playing);
    this.#canvas.hidden = on;
    this.#page.show(on ? last : this.#shown);
  }

  /** Whether the grid shows the beginning of the run. */
  get #atStart() {
    return this.#shown !== null && this.#shown === this.#film.frames[0];
  }

  /** Plays the film from its end back to the beginning, or from there to the end. @param {1 | -1} direction */
  async #play(direction) {
    if (this.#film.frames.length < 2) return;
    await this.#pause();
    cancelAnimationFrame(this.#playing);
    const { frames } = this.#film;
    const last = frames.length - 1;
    const from = this.#shown ? frames.indexOf(this.#shown) : last;
    const begin = direction < 0 ? (from > 0 ? from : last) : from < last ? from : 0;
    /** @type {number | undefined} */
    let begun;
    const turn = (/** @type {number} */ now) => {
      begun ??= now;
      const at = begin + direction * Math.floor(((now - begun) / FILM_MS) * last);
      // There may be fewer by now: a film is thinned as it grows.
      const frame = this.#film.frames[Math.max(0, Math.min(last, at))];
      if (frame) this.#show(frame);
      if (direction < 0 ? at > 0 : at < last) this.#playing = requestAnimationFrame(turn);
    };
    this.#playing = requestAnimationFrame(turn);
  }

  /** Shows the frame nearest to a step. @param {number} step */
  #go(step) {
    cancelAnimationFrame(this.#playing);
    const frame = this.#film.at(step);
    if (!frame) return;
    this.#pause();
    this.#show(frame);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const frames = this.#film.frames;
    const at = this.#shown ? frames.indexOf(this.#shown) : frames.length - 1;
    /** @type {Record<string, number>} */
    const places = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - 5,
      PageUp: at + 5,
      Home: 0,
      End: frames.length - 1,
    };
    const place = places[event.key];
    if (place === undefined || !frames.length) return;
    event.preventDefault();
    this.#go(frames[Math.max(0, Math.min(frames.length - 1, place))].progress.step);
  }

  /** @param {Frame} frame */
  #show(frame) {
    const present = frame === this.#film.frames.at(-1);
    this.#shown = present ? null : frame;
    this.#canvas.hidden = present;
    if (!present) this.#paint(frame);
    this.#page.show(frame);
    this.#name();
  }

  /** Names what the buttons do now. */
  #name() {
    $("compare").disabled = this.#shown === null;
    $("backwards-text").textContent = this.#atStart ? "Play forwards" : "Play backwards";
  }

  /** Puts a frame where the grid is, though the grid may have been arranged anew since. @param {Frame} frame */
  #paint({ image, columns, gap, count }) {
    const grid = /** @type {HTMLCanvasElement} */ ($("grid"));
    const canvas = this.#canvas;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    canvas.width = grid.width;
    canvas.height = grid.height;
    const { width, height } = grid.style;
    const [left, top] = [`${grid.offsetLeft}px`, `${grid.offsetTop}px`];
    Object.assign(canvas.style, { left, top, width, height });
    Object.assign(canvas.dataset, grid.dataset);
    const now = { columns: Number(grid.dataset.columns), gap: Number(grid.dataset.gap) };
    const across = (image.width + gap) / columns - gap;
    const rows = Math.ceil(count / columns);
    const down = (image.height + gap) / rows - gap;
    for (let i = 0; i < count; i++) {
      const at = (/** @type {{ columns: number, gap: number }} */ { columns, gap }) =>
        /** @type {const} */ ([
          (i % columns) * (across + gap),
          Math.floor(i / columns) * (down + gap),
        ]);
      context.drawImage(image, ...at({ columns, gap }), across, down, ...at(now), across, down);
    }
  }
}
