// @ts-check
/**
 * The σ curve as a slider: back through the steps of a run, by hand or as a film.
 *
 * Earlier steps are shown on a canvas of their own over the grid. The chains stay at their step, and whatever acts
 * on them shows them again.
 */
import { placeOf } from "./arrange.js";
import { $ } from "../dom/dom.js";
import { followDrags } from "../dom/drag.js";

/** How long a whole film takes, forwards or backwards. */
const FILM_MS = 4000;

/** @typedef {import("./film.js").Frame} Frame */
/**
 * @typedef {object} Page
 * @property {(x: number) => number} stepAt which step is at a place of the window
 * @property {() => Promise<void>} pause settles when nothing of the run is under way any more
 * @property {(frame: Frame) => void} show says which step a frame is of, and in which view
 * @property {() => void} left called when the present is shown again
 */

export class Timeline {
  #slider = /** @type {HTMLElement} */ ($("timeline"));
  #canvas = /** @type {HTMLCanvasElement} */ ($("replay"));
  #film;
  #page;
  /** @type {Frame | null} what is shown of the past */ #shown = null;
  #playing = 0;
  /** How much is under way that may draw the present, though the past stays. */
  #staying = 0;
  /** Whether the button that shows the end is held. */
  #held = false;

  /** @param {import("./film.js").Film} film @param {Page} page */
  constructor(film, page) {
    this.#film = film;
    this.#page = page;
    film.onChange = () => this.#follow();
    this.#name();
    followDrags(this.#slider, {
      to: ({ clientX }) => this.#go(page.stepAt(clientX)),
      scrolls: true,
    });
    this.#slider.addEventListener("keydown", (event) => this.#key(event));
    this.#listenToCompare($("compare"));
    $("backwards").addEventListener("click", () => this.#play(this.#atStart ? 1 : -1));
  }

  /** The button shows the end for as long as a pointer or a key holds it. @param {HTMLButtonElement} button */
  #listenToCompare(button) {
    button.addEventListener("pointerdown", () => this.#compare(true));
    for (const end of ["pointerup", "pointercancel", "pointerleave", "blur"])
      button.addEventListener(end, () => this.#compare(false));
    for (const type of /** @type {const} */ (["keydown", "keyup"]))
      button.addEventListener(type, (event) => {
        if (event.key !== " " && event.key !== "Enter") return;
        // Otherwise a key would also click.
        event.preventDefault();
        this.#compare(type === "keydown");
      });
    // Assistive technology clicks, and cannot hold: then it toggles.
    button.addEventListener("click", ({ detail }) => {
      if (detail === 0) this.#compare(!this.#held);
    });
  }

  /** What the grid shows of the past: nothing while a button shows the end instead. */
  get past() {
    return this.#held ? null : this.#shown;
  }

  /** To be called after each drawing of the grid: leaves the past unless `stay` is under way. */
  drawn() {
    if (!this.#staying) this.leave();
  }

  /** To be called when images have got other places: the past gets them, too. */
  arranged() {
    if (this.#shown) this.#paint(this.#shown);
  }

  /** Does work that may draw the present, but is no reason to show it. @param {() => Promise<unknown>} work */
  async stay(work) {
    // Before the work, which may draw at once.
    this.#staying += 1;
    try {
      await work();
    } finally {
      this.#staying -= 1;
    }
    if (this.past) this.#page.show(this.past);
  }

  /** Shows the present again. */
  leave() {
    cancelAnimationFrame(this.#playing);
    if (!this.#shown) return;
    this.#shown = null;
    this.#held = false;
    this.#canvas.hidden = true;
    this.#name();
    this.#page.left();
  }

  /** Shows the end of the run instead of its past, for as long as a button is held. @param {boolean} on */
  #compare(on) {
    const last = this.#film.frames.at(-1);
    // A pointer may pass over the button, and keys may be released there, without its being held.
    if (!this.#shown || !last || !(on || this.#held)) return;
    this.#held = on;
    $("compare").ariaPressed = String(on);
    cancelAnimationFrame(this.#playing);
    this.#canvas.hidden = on;
    this.#page.show(on ? last : this.#shown);
  }

  /** Whether there are steps to go back to. Images that follow a drawing have only their end. */
  get #hasPast() {
    return this.#film.frames.length > 1;
  }

  /** Whether the grid shows the beginning of the run. */
  get #atStart() {
    return this.#shown !== null && this.#shown === this.#film.frames[0];
  }

  /** Plays the film from its end back to the beginning, or from there to the end. @param {1 | -1} direction */
  async #play(direction) {
    if (!this.#hasPast) return;
    await this.stay(() => this.#page.pause());
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
      // A film that has grown meanwhile may have been thinned, and have fewer frames.
      const frame = this.#film.frames[Math.max(0, Math.min(last, at))];
      if (frame) this.#show(frame);
      if (direction < 0 ? at > 0 : at < last) this.#playing = requestAnimationFrame(turn);
    };
    this.#playing = requestAnimationFrame(turn);
  }

  /** Shows the frame nearest to a step. @param {number} step */
  #go(step) {
    const frame = this.#film.at(step);
    if (!frame || !this.#hasPast) return;
    cancelAnimationFrame(this.#playing);
    this.stay(() => this.#page.pause());
    this.#show(frame);
  }

  /** Shows the next step that was kept. @returns {boolean} whether an earlier one was shown */
  forward() {
    if (!this.#shown) return false;
    const { frames } = this.#film;
    this.#go(frames[frames.indexOf(this.#shown) + 1].progress.step);
    return true;
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
    if (place === undefined || !this.#hasPast) return;
    event.preventDefault();
    this.#go(frames[Math.max(0, Math.min(frames.length - 1, place))].progress.step);
  }

  /** @param {Frame} frame */
  #show(frame) {
    const present = frame === this.#film.frames.at(-1);
    this.#shown = present ? null : frame;
    this.#held = false;
    this.#canvas.hidden = present;
    if (!present) this.#paint(frame);
    this.#page.show(frame);
    this.#name();
  }

  /** Follows a change of the film: a frame that was dropped has no image any more, so its neighbor is shown. */
  #follow() {
    if (this.#shown && !this.#film.frames.includes(this.#shown)) {
      const next = this.#film.at(this.#shown.progress.step);
      if (next) this.#show(next);
      else this.leave();
    }
    this.#name();
  }

  /** Says what can be done now. */
  #name() {
    $("schedule-figure").classList.toggle("still", !this.#hasPast);
    // Elements that are disabled lose the focus.
    for (const control of [this.#slider, $("backwards")])
      control.ariaDisabled = String(!this.#hasPast);
    $("compare").ariaDisabled = String(this.#shown === null);
    $("compare").ariaPressed = String(this.#held);
    $("backwards-text").textContent = this.#atStart ? "Play forwards" : "Play backwards";
  }

  /** Puts a frame where the grid is, though the grid may have been arranged anew since. @param {Frame} frame */
  #paint(frame) {
    const { image, count, width, height } = frame;
    const grid = /** @type {HTMLCanvasElement} */ ($("grid"));
    const canvas = this.#canvas;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    canvas.width = grid.width;
    canvas.height = grid.height;
    const [left, top] = [`${grid.offsetLeft}px`, `${grid.offsetTop}px`];
    Object.assign(canvas.style, { left, top, width: grid.style.width, height: grid.style.height });
    Object.assign(canvas.dataset, grid.dataset);
    const { columns, gap } = grid.dataset;
    const now = { columns: Number(columns), gap: Number(gap), width, height };
    for (let i = 0; i < count; i++)
      context.drawImage(
        image,
        ...placeOf(i, frame),
        width,
        height,
        ...placeOf(i, now),
        width,
        height,
      );
  }
}
