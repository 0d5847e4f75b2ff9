// @ts-check
/**
 * "Why doesn't it copy?": the training images that are nearest to an image, and what the denoiser that knows nothing
 * but the training images would have made of the same noise. The page fetches this when the visitor asks.
 */
import { element } from "../dom/dom.js";
import { formatSigma } from "../dom/format.js";
import { startWorker } from "../dom/own-script.js";
import { inRepository } from "../dom/repository.js";
import { imageOf } from "../view/pixels.js";
import { modelLabel, ownName, state, trainingUrl } from "../state/state.js";
import { CLOSE, COPY } from "./thresholds.js";
import { smaller } from "./training-set.js";

/** A name of a data set that can be in a command: cards come from strangers, and a visitor may run the command. */
const PLAIN = /^[\w./][\w./-]*$/;
/** The file of training images has them at half the resolution in both directions. */
const SQUARE = 2;
/** The most steps of the ideal denoiser, and how many of them are shown. */
const STEPS = 40;
const SHOWN = 6;

/** Whether the model is one of the page's own, whose networks are known to be small for their training images. */
const PAGES = ownName === null && modelLabel !== undefined;

/** Whether the model's images can be halved in both directions. @param {import("../types.js").ImageShape} shape */
export const canCompare = ({ width, height }) => width % SQUARE === 0 && height % SQUARE === 0;

/** A file of training images that the visitor has chosen in this visit, and its model. @type {{ file: File, bytes: Uint8Array } | undefined} */
let chosen;

/** @typedef {import("../inspect/trace.js").Step} Step */

export class NearestImages {
  /** Contains the question and the answer. */
  root = element("div", "", { className: "copies" });
  /** @type {Worker | undefined} which has the training images */ #worker;
  #asked = 0;

  constructor() {
    this.root.setAttribute("aria-live", "polite");
    this.clear();
  }

  /** Takes away what is said of an image; an answer that is still on its way is not shown. */
  clear() {
    this.#asked++;
    this.root.replaceChildren(answer());
  }

  close() {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** Asks for the training images, with which the page does not come. @param {readonly Step[]} steps of the image @param {string} [trouble] */
  #askForThem(steps, trouble = "") {
    const input = element("input", "", {
      type: "file",
      id: "training-images",
      accept: "image/png",
    });
    input.hidden = true;
    input.addEventListener("change", () => {
      const [file] = input.files;
      if (!file || !state.made) return;
      chosen = { file, bytes: state.made.bytes };
      this.close();
      this.show(steps).catch(console.warn);
    });
    const button = element("button", "Choose the training images…", { type: "button" });
    button.addEventListener("click", () => input.click());
    const { data = "" } = state.loaded?.card.training ?? {};
    const name = PLAIN.test(data) ? data : "DATA";
    const explanation = element(
      "p",
      "The page comes without the training images. If you have them, this command writes them into one file, which stays on this device: ",
    );
    explanation.append(element("code", `ncsn thumbnails --data ${name} --out training.png`));
    const check = element("details", "", { id: "check-copies", open: Boolean(trouble) });
    check.append(element("summary", "Check it yourself"), explanation, button, input);
    this.root.replaceChildren(element("p", trouble), answer(), check);
    this.root.firstChild.hidden = !trouble;
  }

  /** @param {readonly Step[]} steps of an image, from its noise to its end */
  async show(steps) {
    const { loaded, made } = state;
    if (!loaded || !made) return;
    const asked = ++this.#asked;
    const source = chosen?.bytes === made.bytes ? chosen.file : trainingUrl;
    if (!source) return this.#askForThem(steps);
    const { image_shape, training } = loaded.card;
    const shape = {
      ...image_shape,
      width: image_shape.width / SQUARE,
      height: image_shape.height / SQUARE,
    };
    const count = training?.pictures ?? 0;
    this.root.replaceChildren(element("p", "Comparing with the training images…"));
    this.#worker ??= startWorker("nearest/nearest-worker.js");
    const worker = this.#worker;
    const small = (/** @type {Float32Array} */ values) => smaller(values, image_shape, SQUARE);
    const image = small(steps[steps.length - 1].denoised);
    // The mean of four pixels has half the noise of one.
    const sigmas = thinned(steps.filter(({ progress }) => !progress.done)).map(
      ({ progress }) => progress.sigma / SQUARE,
    );
    /** @type {Promise<any>} */
    const answer = new Promise((resolve) => {
      // The answer to an earlier question may still be on its way.
      worker.onmessage = ({ data }) => data.asked === asked && resolve(data);
      worker.onerror = ({ message }) =>
        resolve({ error: message || "The worker that compares could not be started." });
    });
    const noise = small(steps[0].noisy);
    worker.postMessage({ asked, source, shape, count, image, noise, sigmas });
    const found = await answer;
    if (asked !== this.#asked) return;
    if (!found.error) return this.#answer(found, { image, shape });
    chosen = undefined;
    this.#askForThem(steps, `The training images could not be used: ${found.error}`);
  }

  /** @param {any} found @param {{ image: Float32Array, shape: import("../types.js").ImageShape }} asked */
  #answer({ nearest, usual, steps, end, count }, { image, shape }) {
    const figure = (/** @type {Float32Array} */ values, /** @type {string} */ caption) => {
      const canvas = element("canvas", "", { width: shape.width, height: shape.height });
      canvas.getContext("2d").putImageData(imageOf(values, shape), 0, 0);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", caption);
      const figure = element("figure");
      figure.append(canvas, element("figcaption", caption));
      return figure;
    };
    const row = (/** @type {HTMLElement[]} */ figures) => {
      const row = element("div", "", { className: "copies-row" });
      row.append(...figures);
      return row;
    };
    const [{ distance }] = nearest;
    const all = count.toLocaleString("en");
    const far = distance.toFixed(2);
    const judgment =
      distance < COPY * usual
        ? "this one is much nearer, so it may be a copy."
        : distance < CLOSE * usual
          ? "this one is nearer than that, but it is another image."
          : "this one is as new as they are to each other.";
    const shown = thinned(steps, SHOWN);
    this.root.replaceChildren(
      row([
        figure(image, "this image"),
        ...nearest.map((/** @type {any} */ one) =>
          figure(one.image, `${one.distance.toFixed(2)} away`),
        ),
      ]),
      element(
        "p",
        `The nearest of ${all} training images is ${far} away, pixel by pixel. From a training image to the nearest other it usually is ${usual.toFixed(2)}: ${judgment}`,
      ),
      row(
        shown.map((/** @type {any} */ step) =>
          figure(
            step.image,
            `σ = ${formatSigma(step.sigma * SQUARE)}, mean of ${Math.round(step.mixed).toLocaleString("en")}`,
          ),
        ),
      ),
      element(
        "p",
        `Above, from the same noise: the guesses of the ideal denoiser, which knows nothing but the training images. Each guess is a mean of the training images that could lie under the noise, and the caption says of how many. As σ falls, one image is left, and the last guess is ${end.toFixed(2)} away from it: a copy. The network learns the same task${PAGES ? ` but cannot remember ${all} images, so it has` : `. Where it is too small to remember ${all} images, it has`} to generalize: its score points to images that lie between and beyond them.`,
      ),
      element(
        "p",
        `Compared at ${shape.width} × ${shape.height} pixels. Distances are roots of sums of squares, for pixels from 0 to 1.`,
        { className: "hint" },
      ),
    );
  }
}

/** Why the network does not copy, in short. */
function answer() {
  const count = state.loaded?.card.training?.pictures;
  const all = count ? `${count.toLocaleString("en")} training images` : "training images";
  const href = inRepository("docs/quality.md");
  const answer = element(
    "p",
    `An ideal denoiser would: it leads every chain to one of the ${all}. ${
      PAGES
        ? "The network is too small to remember them. It has only learned a smoothed version of their score, which leads to images between and beyond them."
        : "A network that is small for its training images cannot remember them; one trained on few may. Compare:"
    }`,
  );
  if (PAGES && href)
    answer.append(
      " How far from the training images its images are was ",
      element("a", "measured", { href }),
      ".",
    );
  return answer;
}

/** Some of a list, evenly, with the first and the last. @template T @param {readonly T[]} list @param {number} [most] @returns {T[]} */
function thinned(list, most = STEPS) {
  if (list.length <= most) return [...list];
  return Array.from(
    { length: most },
    (_, at) => list[Math.round((at * (list.length - 1)) / (most - 1))],
  );
}
