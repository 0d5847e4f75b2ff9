// @ts-check
/**
 * The plane: the score in two dimensions, where it can be seen, and chains that follow it.
 *
 * Rust (`toy2d/`, a WebAssembly module that needs no GPU) computes what is painted here. The page
 * fetches this module when somebody scrolls to it.
 */

import { Plane } from "./plane.js";
import { addStyleSheet } from "./style-sheet.js";
import { ARROWS, GLOW, SIDE, toys } from "./toy-module.js";

const CHAINS = 400;
/** The duration of a run with any number of steps. */
const RUN_MS = 6000;
/** How many steps the small network learns, and for how long in each frame. */
const LEARN = 1500;
const LEARN_MS = 12;
/** Points closer to each other than this, in units of the plane, are not drawn. */
const APART = 0.35;

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(`toy2d${id}`);

/** Puts the figure into the page and runs it for the first time. */
export async function show() {
  const [toy] = await Promise.all([toys(), addStyleSheet("toy2d.css")]);
  $("").hidden = false;
  new Figure(toy());
}

class Figure {
  #toy;
  #plane = new Plane($("-view"), SIDE);
  /** Whether the points are chains, and not noisy images. */
  #runs = false;
  #frame = 0;
  /** Where the pointer drew last. @type {[number, number] | undefined} */
  #last;

  /** @param {import("./toy-module.js").Toy2d} toy */
  constructor(toy) {
    this.#toy = toy;
    const { options } = /** @type {HTMLSelectElement} */ (document.getElementById("sampler"));
    // The denoiser of this density is no consistency model.
    const samplers = [...options].filter((option) => option.value !== "consistency");
    $("-sampler").append(...samplers.map((option) => new Option(option.text, option.value)));
    $("-sampler").value = "langevin";
    $("-sigma").addEventListener("input", () => this.#stop());
    $("-sampler").addEventListener("change", () => this.#run());
    $("-run").addEventListener("click", () => this.#run());
    $("-learn").addEventListener("click", () => this.#learn());
    $("-clear").addEventListener("click", () => this.#clear());
    $("-view").addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      $("-view").setPointerCapture(event.pointerId);
      this.#last = undefined;
      this.#draw(event);
    });
    $("-view").addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if ($("-view").hasPointerCapture(event.pointerId)) this.#draw(event);
    });
    new ResizeObserver(() => this.#paint()).observe($("-view"));
    // Nobody should miss the first run. For visitors who asked for less motion, nothing moves by itself.
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const seen = new IntersectionObserver(
      ([{ isIntersecting }]) => {
        if (!isIntersecting) return;
        seen.disconnect();
        this.#run();
      },
      { threshold: 0.6 },
    );
    seen.observe($("-view"));
  }

  /** Adds a point where the pointer is to a density of the visitor's own. @param {PointerEvent} event */
  #draw(event) {
    const { left, top, width, height } = $("-view").getBoundingClientRect();
    const x = SIDE * ((2 * (event.clientX - left)) / width - 1);
    const y = -SIDE * ((2 * (event.clientY - top)) / height - 1);
    if (this.#last && Math.hypot(x - this.#last[0], y - this.#last[1]) < APART) return;
    this.#last = [x, y];
    this.#toy.draw(x, y);
    $("-clear").hidden = false;
    if (this.#runs) $("-sigma").value = "0";
    this.#stop();
    $("-share").textContent =
      "The arrows are the exact score of what you drew. Let a network learn it.";
  }

  /** Goes back to the two clouds, and to their exact score. */
  #clear() {
    this.#toy.clear();
    $("-clear").hidden = true;
    this.#stop();
  }

  /** Lets the network learn while its arrows form. */
  #learn() {
    cancelAnimationFrame(this.#frame);
    this.#runs = false;
    this.#toy.forget();
    $("-clear").hidden = false;
    const go = () => {
      const until = performance.now() + LEARN_MS;
      let steps = 0;
      while (performance.now() < until && steps < LEARN) steps = this.#toy.learn(10);
      $("-share").textContent = `The arrows are the network’s after ${steps} of ${LEARN} steps.`;
      if (steps < LEARN) this.#frame = requestAnimationFrame(go);
      else $("-share").textContent = "The network has learned the score. Run chains on it.";
      this.#paint();
    };
    this.#frame = requestAnimationFrame(go);
  }

  /** Shows noisy images at the σ of the slider. */
  #stop() {
    cancelAnimationFrame(this.#frame);
    this.#runs = false;
    $("-share").textContent = "";
    this.#paint();
  }

  #run() {
    cancelAnimationFrame(this.#frame);
    this.#runs = true;
    this.#toy.begin($("-sampler").value, CHAINS);
    $("-share").textContent = "";
    /** @type {number | undefined} */
    let begun;
    const go = (/** @type {number} */ now) => {
      begun ??= now;
      this.#toy.advance_to(Math.floor(((now - begun) / RUN_MS) * this.#toy.steps()));
      const sigma = this.#toy.sigma();
      $("-sigma").value = String(sigma ? this.#toy.fraction_at(sigma) : 0);
      if (!this.#toy.finished()) this.#frame = requestAnimationFrame(go);
      else if (this.#toy.drawn() === 0)
        $("-share").textContent =
          `${Math.round(100 * this.#toy.upper_share())}\u202f% of the chains have ended in the upper cloud, where 80\u202f% of the images are.`;
      this.#paint();
    };
    this.#frame = requestAnimationFrame(go);
  }

  #paint() {
    const sigma = this.#runs ? this.#toy.sigma() : this.#toy.sigma_at(Number($("-sigma").value));
    const text = sigma.toPrecision(sigma ? 2 : 1);
    $("-sigma-text").textContent = text;
    $("-sigma").setAttribute("aria-valuetext", text);
    const fraction = sigma ? this.#toy.fraction_at(sigma) : 0;
    $("").style.setProperty("--coldness", `${100 * (1 - fraction)}%`);
    if (!this.#plane.begin()) return;
    this.#plane.glow(this.#toy.density(sigma, GLOW), GLOW);
    this.#plane.arrows(this.#toy.arrows(sigma, ARROWS), ARROWS);
    this.#plane.points(
      this.#runs ? this.#toy.chains() : this.#toy.noisy(sigma, CHAINS),
      Plane.color("--frame-ink"),
    );
  }
}
