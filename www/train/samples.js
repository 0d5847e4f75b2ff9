// @ts-check
/**
 * Samples of a network that is being trained, each beside the training image that is nearest to it: they show whether the
 * network copies its training images.
 */
import { CLOSE, COPY } from "../nearest/thresholds.js";
import { element } from "../dom/dom.js";
import { canvasOf } from "./images.js";

/** With fewer images than this, a network that only copies is no surprise. */
const PLENTY = 200;

/** @typedef {import("../types.js").ImageShape} ImageShape */

export class SamplesView {
  root = element("section", "", { className: "train-samples" });
  #title = element("h3", "Samples");
  #row = element("div", "", { className: "train-pairs" });
  #words = element(
    "p",
    "They come with the first steps, and then every few seconds from the same noise.",
    { className: "hint" },
  );

  constructor() {
    this.#words.setAttribute("role", "status");
    this.root.append(this.#title, this.#row, this.#words);
  }

  /**
   * @param {import("./run.js").Samples} samples
   * @param {{ images: Uint8Array, originals: number, shape: ImageShape }} set that it learns from
   */
  show({ step, images, nearest, ratios }, { images: all, originals, shape }) {
    const length = shape.channels * shape.height * shape.width;
    const image = (/** @type {Uint8Array} */ of, /** @type {number} */ index) =>
      canvasOf(of.subarray(index * length, (index + 1) * length), shape);
    this.#title.textContent = step ? `Samples at step ${step}` : "Samples before training";
    this.#row.replaceChildren(
      ...ratios.map((ratio, at) => {
        const figure = element("figure");
        const [sample, near] = [image(images, at), image(all, nearest[at])];
        sample.className = "sample";
        sample.setAttribute("role", "img");
        sample.setAttribute("aria-label", `Sample ${at + 1}`);
        near.setAttribute("role", "img");
        near.setAttribute(
          "aria-label",
          `The nearest of your images, number ${(nearest[at] % originals) + 1}`,
        );
        const caption = element("figcaption", ratio.toFixed(2));
        if (ratio < COPY) caption.className = "copy";
        figure.append(sample, near, caption);
        return figure;
      }),
    );
    const words = judgment(ratios, originals);
    // Screen readers read a text out whenever it is set, even to the same words.
    if (this.#words.textContent !== words) this.#words.textContent = words;
    this.#words.classList.toggle(
      "warns",
      ratios.filter((ratio) => ratio < COPY).length * 2 >= ratios.length,
    );
  }
}

/** @param {number[]} ratios @param {number} originals */
function judgment(ratios, originals) {
  const explained =
    "Below each sample is the nearest of your images, and how far away that is: 1.00 is the usual distance from one of your images to its nearest other.";
  const count = (/** @type {number} */ below) => ratios.filter((ratio) => ratio < below).length;
  const [copies, close, all] = [count(COPY), count(CLOSE), ratios.length];
  if (2 * copies >= all)
    return `${copies} of ${all} samples are copies of your images: the network has learned them by heart. ${
      originals < PLENTY
        ? `With ${originals === 1 ? "one image" : `only ${originals} images`} that is what happens. More images, or fewer steps, give it something to invent.`
        : "Fewer steps would leave it something to invent."
    }`;
  if (2 * close >= all)
    return `Many samples are close to one of your images, at less than ${CLOSE} of the usual distance. If they begin to look like copies, go back a checkpoint or finish. ${explained}`;
  return explained;
}
