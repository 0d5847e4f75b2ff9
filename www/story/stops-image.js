// @ts-check
/** The figures of "How it works" that show the page's own images. */
import { formatSigma } from "../dom/format.js";
import { imageOf } from "../view/pixels.js";
import { film } from "../page/page.js";
import { state } from "../state/state.js";
import { cut } from "../inspect/one-image.js";
import { Stop, normal } from "./stop.js";
import { trace } from "../inspect/trace.js";

/** The first image of the grid as it was last shown, in [0, 1] and channel by channel, as `imageOf` takes it. */
function firstImage() {
  const [frame, shape] = [film.frames.at(-1), state.loaded?.card.image_shape];
  if (!frame || !shape) return undefined;
  const { data, width, height } = cut(frame, 0);
  const plane = width * height;
  const values = Float32Array.from(
    { length: 3 * plane },
    (_, at) => data[4 * (at % plane) + Math.floor(at / plane)] / 255,
  );
  return { values, shape: { width, height, channels: 3 }, gray: shape.channels < 3 };
}

/** An image under noise of any size. */
export class NoiseStop extends Stop {
  #fraction = 0.45;

  /** @param {HTMLElement} figure */
  constructor(figure) {
    super(figure, "One of the images above, under noise");
    const slider = this.slider("Noise σ", this.#fraction, (fraction) => {
      this.#fraction = fraction;
      this.paint();
      return formatSigma(this.#sigma);
    });
    slider.read();
    this.say(
      "The first image of the page, and noise on it. Drag until you cannot tell what it was.",
    );
    // The page's images may have changed since it was last seen.
    new IntersectionObserver(() => slider.read()).observe(this.canvas);
  }

  /** The σ at the slider's place, on the logarithmic scale of the model's σ. */
  get #sigma() {
    const [most, least] = state.loaded?.card.training?.sigmas ?? [20, 0.01];
    return least * (most / least) ** this.#fraction;
  }

  paint() {
    const image = firstImage();
    const sigma = this.#sigma;
    this.coldness = 1 - this.#fraction;
    if (!image) return;
    const { values, shape, gray } = image;
    const plane = shape.width * shape.height;
    const noise = normal(values.length, 7);
    const noisy = values.map((value, at) => value + sigma * noise[gray ? at % plane : at]);
    Object.assign(this.canvas, { width: shape.width, height: shape.height });
    this.canvas.getContext("2d")?.putImageData(imageOf(noisy, shape), 0, 0);
  }
}

/** What the network guesses at each step of the first image. */
export class GuessStop extends Stop {
  /** @type {import("../inspect/trace.js").Step[]} */ #steps = [];
  #fraction = 0.5;
  #slider;
  #button;

  /** @param {HTMLElement} figure */
  constructor(figure) {
    super(figure, "What the network guesses of one of the images above");
    this.#slider = this.slider("Step", this.#fraction, (fraction) => {
      this.#fraction = fraction;
      this.paint();
      const { progress } = this.#step ?? {};
      return progress ? `${progress.step} of ${progress.steps}` : "–";
    });
    this.#slider.input.disabled = true;
    this.#button = this.button("Guess the first image", () => this.#guess());
    this.say("The network’s guess of the first image of the page, at each step of its way.");
  }

  get #step() {
    return this.#steps[Math.round(this.#fraction * (this.#steps.length - 1))];
  }

  async #guess() {
    // A button that is disabled while it has the focus would lose it.
    if (this.#button.ariaDisabled === "true") return;
    this.#button.ariaDisabled = "true";
    this.#steps = [];
    try {
      this.say("Following the first image…");
      const whole = await trace(0, 1, (step) => {
        this.#steps.push(step);
        this.sayPassing(`Step ${step.progress.step} of ${step.progress.steps}…`);
        this.#slider.input.disabled = false;
        this.#slider.input.value = "1";
        this.#fraction = 1;
        this.#slider.read();
      });
      this.say(
        whole
          ? "Drag the step: first a blur of many images, then one of them."
          : "Meanwhile the page has made other images. Press the button to follow the first of the new images.",
      );
    } catch (error) {
      this.say(/** @type {Error} */ (error).message);
    }
    this.#button.ariaDisabled = null;
  }

  paint() {
    const step = this.#step;
    if (!step || !state.loaded) return;
    const shape = state.loaded.card.image_shape;
    Object.assign(this.canvas, { width: shape.width, height: shape.height });
    this.canvas.getContext("2d")?.putImageData(imageOf(step.denoised, shape), 0, 0);
  }
}
