// @ts-check
/**
 * One image, large: noisy, the network's guess and the score between them, at each step of its way. The page
 * fetches this when the visitor asks for an image.
 */
import { NearestImages, canCompare } from "../nearest/nearest-images.js";
import { dialogOf, isDialogOpen, styleDialogs } from "../dom/dialog.js";
import { element } from "../dom/dom.js";
import { followDrags } from "../dom/drag.js";
import { formatSigma } from "../dom/format.js";
import { announce, showSilently } from "../dom/live-region.js";
import { nearestTo } from "../view/film.js";
import { imageOf, mapOf } from "../view/pixels.js";
import { run } from "../page/page.js";
import { state } from "../state/state.js";
import { addStyleSheet } from "../dom/style-sheet.js";
import { restDuring } from "../run/rest.js";
import { everyOf, scaledScore, trace } from "./trace.js";

/** About how wide an image of the film strip is, in CSS pixels. */
const STRIP_SIDE = 44;

/** @typedef {import("./trace.js").Step} Step */

/** The third view, which leads from what is noisy to the guess: what it is called, and what is said of it. */
const SCORE = {
  name: "the score",
  symbol: "σ s(x̃, σ)",
  legend:
    "the way in which the score changes each pixel to make the image more probable. All the way, it leads to the guess.",
  end: "The run is over, so no score is followed any more. Drag back to see it.",
};
/** The same for the sampler “consistency”: the guess of weights that are tuned for it does not belong to a score. */
const WAY = {
  name: "the way to the guess",
  symbol: "(D(x̃, σ) − x̃)/σ",
  legend: "the way in which each pixel changes.",
  end: "This is the guess itself. Drag back to see the way there.",
};

/** @param {number} index of the image @param {number} step to begin with */
export async function enlarge(index, step) {
  await Promise.all([styleDialogs(), addStyleSheet("inspect/enlarge.css")]);
  if (!state.made || !state.loaded || isDialogOpen()) return;
  new Enlarged(state.made, state.loaded.card.image_shape, step).show(index);
}

class Enlarged {
  #count;
  #shape;
  #third;
  #index = 0;
  /** How many steps there are; 0 before the first has come. */
  #total = 0;
  /** The step that the visitor wants to see. */
  #wanted;
  /** @type {Step[]} those that have been computed */ #steps = [];
  #following = new AbortController();
  /** @type {Record<string, HTMLCanvasElement>} */ #canvases = {};
  /** The words before the symbol of what is noisy until the end. */
  #noisy = new Text();
  /** What the third view says where it has nothing to show. */
  #end = element("p", "", { className: "enlarged-end", hidden: true });
  #views = element("div", "", { className: "enlarged-views" });
  #strip = element("canvas", "", { className: "enlarged-strip" });
  /** Its value is the number of a step among those that are read. */
  #slider = element("input", "", {
    type: "range",
    id: "enlarged-step",
    min: 0,
    step: 1,
  });
  #reading = element("output", "", { className: "enlarged-reading" });
  #status = element("p", "", { className: "hint" });
  #why = element("details", "", { id: "why-no-copy" });
  /** @type {NearestImages | undefined} once the visitor asks */ #nearestImages;
  #dialog;

  /** @param {import("../state/state.js").Made} made @param {import("../types.js").ImageShape} shape @param {number} step */
  constructor({ chains: count, settings }, shape, step) {
    this.#count = count;
    this.#shape = shape;
    this.#wanted = step;
    this.#third = settings.sampler === "consistency" ? WAY : SCORE;
    const third = this.#figure("score", this.#third.name, this.#third.symbol);
    this.#end.textContent = this.#third.end;
    third.append(this.#end);
    const first = this.#figure("noisy", "", "x̃");
    first.querySelector("figcaption")?.prepend(this.#noisy);
    const second = this.#figure("guess", "the network’s guess", "D(x̃, σ)");
    this.#views.append(first, second, third);
    const legend = element("p", "", { className: "enlarged-legend" });
    legend.append(
      element("span", "Brighter", { className: "positive" }),
      " or ",
      element("span", "darker", { className: "negative" }),
      `: ${this.#third.legend}`,
    );
    this.#views.append(legend);
    this.#status.setAttribute("role", "status");
    // The slider has the same text as its value.
    this.#reading.setAttribute("aria-live", "off");
    this.#strip.setAttribute("aria-hidden", "true");
    this.#slider.setAttribute("aria-label", "Step");
    this.#slider.addEventListener("input", () =>
      this.#go(Number(this.#slider.value) * everyOf(this.#total)),
    );
    followDrags(this.#strip, { to: (event) => this.#point(event), scrolls: true });
    const film = element("div", "", { className: "enlarged-film" });
    film.append(this.#strip, this.#slider, this.#reading);
    const others = element("p", "", { className: "enlarged-others" });
    for (const [text, far] of /** @type {[string, number][]} */ ([
      ["Previous", -1],
      ["Next", 1],
    ])) {
      const button = element("button", text, { type: "button" });
      button.setAttribute("aria-label", `${text} image`);
      button.addEventListener("click", () =>
        this.#open((this.#index + far + this.#count) % this.#count),
      );
      if (count > 1) others.append(button);
    }
    this.#why.append(element("summary", "Why doesn’t it copy its training images?"));
    this.#why.hidden = !canCompare(shape);
    this.#why.addEventListener("toggle", () => this.#compare());
    const dialog = dialogOf("enlarged", "", [this.#views, film, this.#status, this.#why]);
    dialog.querySelector("form")?.prepend(others);
    // Clicks on the backdrop have the dialog itself as their target, and close it. So have clicks in its padding, and
    // selections that end there, which must not.
    let outside = false;
    dialog.addEventListener("pointerdown", (event) => (outside = isBeside(dialog, event)));
    dialog.addEventListener("click", (event) => {
      if (outside && event.target === dialog && isBeside(dialog, event)) dialog.close();
    });
    dialog.addEventListener("close", () => {
      this.#following.abort();
      this.#nearestImages?.close();
      dialog.remove();
    });
    restDuring(run, dialog);
    this.#dialog = dialog;
    new ResizeObserver(() => this.#paintStrip()).observe(this.#strip);
  }

  /** @param {number} index */
  show(index) {
    this.#dialog.showModal();
    // The images are above it.
    this.#slider.focus({ preventScroll: true });
    this.#dialog.scrollTop = 0;
    this.#open(index);
  }

  /** @param {string} id @param {string} name @param {string} symbol */
  #figure(id, name, symbol) {
    const { width, height } = this.#shape;
    const canvas = element("canvas", "", { width, height, id: `enlarged-${id}` });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", name);
    this.#canvases[id] = canvas;
    const caption = element("figcaption", `${name} `);
    caption.append(element("i", symbol, { className: "math" }));
    const figure = element("figure");
    figure.append(canvas, caption);
    return figure;
  }

  /** Follows another image. @param {number} index */
  #open(index) {
    this.#following.abort();
    const following = (this.#following = new AbortController());
    this.#index = index;
    this.#steps = [];
    this.#nearestImages?.clear();
    announce(this.#status, "Making its film…");
    const title = this.#dialog.querySelector("h2");
    if (title) title.textContent = `Image ${index + 1} of ${this.#count}`;
    this.#paintStrip();
    const found = (/** @type {Step} */ step) => {
      if (following.signal.aborted) return;
      this.#steps.push(step);
      const { step: at, steps, done } = step.progress;
      this.#total = steps;
      this.#slider.max = String(Math.ceil(steps / everyOf(steps)));
      if (!done) showSilently(this.#status, `Making its film: step ${at} of ${steps}`);
      // Until the wanted step is there, the latest one is shown.
      if (at <= this.#wanted || this.#steps.length === 1) this.#paint();
      this.#paintStrip();
      if (done) this.#compare();
    };
    const said = (/** @type {string} */ text) => {
      if (!following.signal.aborted) announce(this.#status, text);
    };
    trace(index, 1, found, following.signal).then(
      (whole) => said(whole ? "" : "The page makes other images now, so the film ends here."),
      (error) => said(`The film could not be made: ${error?.message ?? error}`),
    );
  }

  /** Compares the image with the training images, once the visitor asks and its last step is there. */
  #compare() {
    if (!this.#why.open) return;
    if (!this.#nearestImages) this.#why.append((this.#nearestImages = new NearestImages()).root);
    if (!this.#steps.at(-1)?.progress.done) return;
    this.#nearestImages.show(this.#steps).catch(console.warn);
  }

  /** @param {number} step */
  #go(step) {
    this.#wanted = step;
    this.#paint();
  }

  /** Goes to the step that is nearest to a place of the film strip. @param {PointerEvent} event */
  #point({ clientX }) {
    const { left, width } = this.#strip.getBoundingClientRect();
    const far = Math.min(1, Math.max(0, (clientX - left) / width));
    this.#go(Math.round(far * this.#total));
  }

  /** The computed step that is nearest to another, if there is any. @param {number} wanted */
  #nearest(wanted) {
    return nearestTo(wanted, this.#steps);
  }

  /** Shows the wanted step. */
  #paint() {
    const step = this.#nearest(this.#wanted);
    if (!step) return;
    const images = {
      noisy: imageOf(step.noisy, this.#shape),
      guess: imageOf(step.denoised, this.#shape),
      score: mapOf(scaledScore(step), this.#shape),
    };
    for (const [id, image] of Object.entries(images))
      this.#canvases[id].getContext("2d")?.putImageData(image, 0, 0);
    const { step: at, steps, sigma, done } = step.progress;
    this.#noisy.data = done ? "the finished image " : "the noisy image ";
    this.#canvases.noisy.setAttribute("aria-label", this.#noisy.data.trim());
    this.#end.hidden = !done;
    const text = `step ${at} of ${steps}${done ? "" : `, σ = ${formatSigma(sigma)}`}`;
    this.#slider.value = String(Math.ceil(at / everyOf(steps)));
    this.#slider.setAttribute("aria-valuetext", text);
    this.#reading.textContent = text;
  }

  /** Paints some of the steps, evenly: noisy above, the guess below. */
  #paintStrip() {
    const { width, height } = this.#shape;
    const wide = this.#strip.clientWidth;
    if (!wide) return;
    const columns = Math.max(2, Math.floor(wide / STRIP_SIDE));
    Object.assign(this.#strip, { width: columns * (width + 1) - 1, height: 2 * height + 1 });
    const context = /** @type {CanvasRenderingContext2D} */ (this.#strip.getContext("2d"));
    const come = this.#steps.at(-1)?.progress.step ?? -1;
    for (let at = 0; at < columns; at++) {
      const wanted = (at * this.#total) / (columns - 1);
      const step = this.#nearest(wanted);
      if (!step || wanted > come) break;
      context.putImageData(imageOf(step.noisy, this.#shape), at * (width + 1), 0);
      context.putImageData(imageOf(step.denoised, this.#shape), at * (width + 1), height + 1);
    }
  }
}

/**
 * Whether a pointer is outside of an element, where a dialog has its backdrop.
 * @param {Element} element @param {MouseEvent} event
 */
function isBeside(element, { clientX, clientY }) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}
