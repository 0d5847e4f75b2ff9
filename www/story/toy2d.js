// @ts-check
/**
 * The plane: the score in two dimensions, where it can be seen, and chains that follow it.
 *
 * Rust (`toy2d/`, a WebAssembly module that needs no GPU) computes what is painted here. The page
 * fetches this module when the visitor scrolls to it.
 */
import { lessMotion } from "../state/state.js";
import { element } from "../dom/dom.js";
import { followDrags } from "../dom/drag.js";
import { announce, showSilently } from "../dom/live-region.js";
import { onPixelRatio } from "../dom/pixel-ratio.js";
import { drawByKeys } from "../sketch/keys.js";
import { DensityPlot } from "./density-plot.js";
import { addStyleSheet } from "../dom/style-sheet.js";
import { ARROWS, CHAINS, GLOW, SIDE, toys } from "./toy-module.js";

/** The duration of a run with any number of steps. */
const RUN_MS = 6000;
/** How many steps the small network learns, and for how long in each frame. */
const LEARN = 1500;
const LEARN_MS = 12;
/** At how many points its score is compared with the exact one in each frame. */
const COMPARED = 100;
/** Points closer to each other than this, in units of the plane, are not drawn. */
const APART = 0.35;
/** How many steps of an arrow key lead from one side of the plane to the other. */
const KEY_STEPS = 40;
/** The radius of the dot that they move, in CSS pixels. */
const DOT = 5;

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(`toy2d${id}`);

/** Puts the figure into the page and runs it for the first time. */
export async function show() {
  const [toy] = await Promise.all([toys(), addStyleSheet("story/toy2d.css")]);
  $("").hidden = false;
  new Figure(toy());
}

class Figure {
  #toy;
  #plot = new DensityPlot($("-view"), SIDE);
  /** Whether the points are chains, and not noisy images. */
  #runs = false;
  #frame = 0;
  /** Which score arrows and chains follow. */
  #score = element("select", "", { id: "toy2d-score", autocomplete: "off" });
  #erase = element("button", "Clear", { type: "button", id: "toy2d-erase", hidden: true });
  /** Where a point was drawn last in this stroke. @type {[number, number] | undefined} */
  #last;
  /** Where the dot is that arrow keys move. @type {[number, number] | undefined} */
  #dot;

  /** @param {import("./toy-module.js").Toy2d} toy */
  constructor(toy) {
    this.#toy = toy;
    const { options } = /** @type {HTMLSelectElement} */ (document.getElementById("sampler"));
    // The denoiser of this density is no consistency model.
    const samplers = [...options].filter((option) => option.value !== "consistency");
    $("-sampler").append(...samplers.map((option) => new Option(option.text, option.value)));
    $("-sampler").value = "exact-langevin";
    // A network that learns shows its arrows at this σ by itself.
    $("-sigma").addEventListener("input", () => this.#learns || this.#showNoisy());
    $("-sampler").addEventListener("change", () => this.#run());
    $("-run").addEventListener("click", () => this.#run());
    $("-learn").addEventListener("click", () => this.#learn());
    $("-clear").addEventListener("click", () => this.#startOver());
    this.#erase.addEventListener("click", () => this.#clear());
    $("-clear").after(this.#erase);
    this.#score.append(new Option("exact", "exact"), new Option("the network’s", "learned"));
    this.#score.addEventListener("change", () => this.#choose());
    const field = element("span", "", { className: "field" });
    field.append(this.#score);
    const row = element("div", "", { className: "row" });
    row.append(element("label", "Score", { htmlFor: this.#score.id }), field);
    $("-sampler").closest(".row").after(row);
    this.#follow(false);
    followDrags($("-view"), {
      down: (event) => {
        this.#last = undefined;
        this.#draw(placeOf(event));
      },
      to: (event) => this.#draw(placeOf(event)),
      scrolls: true,
    });
    this.#listenToKeys();
    new ResizeObserver(() => this.#paint()).observe($("-view"));
    onPixelRatio(() => this.#paint());
    // The first run begins when the figure is in the window; with less motion wanted, on a click only.
    if (lessMotion.matches) return;
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

  /** Draws by arrow keys and the space bar. */
  #listenToKeys() {
    const place = (/** @type {import("../sketch/brush.js").Point} */ { x, y }) =>
      inPlane(x / KEY_STEPS, y / KEY_STEPS);
    drawByKeys(
      $("-view"),
      {
        down: (at) => {
          this.#last = undefined;
          this.#draw(place(at));
        },
        to: (at) => this.#draw(place(at)),
        up: () => {},
        mark: (at) => {
          this.#dot = at ? place(at) : undefined;
          this.#paint();
        },
      },
      { width: KEY_STEPS, height: KEY_STEPS },
    );
  }

  /** Adds a point to a density of the visitor's own. @param {[x: number, y: number]} place */
  #draw([x, y]) {
    if (this.#last && Math.hypot(x - this.#last[0], y - this.#last[1]) < APART) return;
    this.#last = [x, y];
    this.#toy.draw(x, y);
    this.#erase.hidden = false;
    // The network was trained without the new point.
    this.#follow(false);
    if (this.#runs) $("-sigma").value = "0";
    this.#showNoisy();
    this.#say("The arrows are the exact score of what you drew. Let a network learn it.");
  }

  /** Forgets what was learned; what is drawn stays. */
  #startOver() {
    this.#toy.forget();
    this.#follow(false);
    this.#showNoisy();
    // The button that was clicked has hidden itself.
    $("-learn").focus();
  }

  /** Goes back to the two clouds. */
  #clear() {
    this.#toy.clear();
    this.#erase.hidden = true;
    this.#follow(false);
    this.#showNoisy();
    $("-learn").focus();
  }

  /** Follows the network's score or the exact one. @param {boolean} network */
  #follow(network) {
    this.#toy.follow_network(network);
    this.#score.value = network ? "learned" : "exact";
    this.#score.options[1].disabled = $("-clear").hidden = !this.#toy.has_network();
  }

  /** Shows the score that was chosen: by its arrows, or by chains if these are shown. */
  #choose() {
    this.#follow(this.#score.value === "learned");
    if (this.#runs) this.#run();
    else this.#showNoisy();
  }

  /** Whether a network is learning: the arrows are its own until it has learned. */
  get #learns() {
    return this.#score.disabled;
  }

  /** Lets a new network learn while its arrows form. */
  #learn() {
    cancelAnimationFrame(this.#frame);
    this.#runs = false;
    this.#toy.forget();
    this.#score.disabled = true;
    const go = () => {
      const until = performance.now() + LEARN_MS;
      let steps = 0;
      do steps = this.#toy.learn(10);
      while (performance.now() < until && steps < LEARN);
      this.#follow(true);
      const error = this.#toy.error(this.#toy.sigma_at(Number($("-sigma").value)), COMPARED) ?? 0;
      const differs = `from the exact score by ${Math.round(100 * error)}\u202f% at this σ`;
      if (steps < LEARN) {
        showSilently(
          $("-share"),
          `The arrows are the network’s after ${steps} of ${LEARN} steps, and differ ${differs}.`,
        );
        this.#frame = requestAnimationFrame(go);
      } else {
        this.#score.disabled = false;
        this.#say(
          `The network has learned the score: it differs ${differs}. Run chains on it, then on the exact score.`,
        );
      }
      this.#paint();
    };
    this.#frame = requestAnimationFrame(go);
  }

  /** Ends a run, or learning, and shows noisy images at the slider's σ. */
  #showNoisy() {
    cancelAnimationFrame(this.#frame);
    this.#runs = false;
    this.#score.disabled = false;
    this.#say("");
    this.#paint();
  }

  /** @param {string} text that is also read out */
  #say(text) {
    announce($("-share"), text);
  }

  #run() {
    cancelAnimationFrame(this.#frame);
    this.#runs = true;
    this.#score.disabled = false;
    this.#toy.begin($("-sampler").value, CHAINS);
    this.#say("");
    /** @type {number | undefined} */
    let begun;
    const go = (/** @type {number} */ now) => {
      begun ??= now;
      this.#toy.advance_to(Math.floor(((now - begun) / RUN_MS) * this.#toy.steps()));
      const sigma = this.#toy.sigma();
      $("-sigma").value = String(sigma ? this.#toy.fraction_at(sigma) : 0);
      if (!this.#toy.finished()) this.#frame = requestAnimationFrame(go);
      else if (this.#toy.drawn() === 0)
        this.#say(
          `${Math.round(100 * this.#toy.upper_share())}\u202f% of the chains have ended in the upper cloud, where 80\u202f% of the images are.`,
        );
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
    if (!this.#plot.begin()) return;
    this.#plot.glow(this.#toy.density(sigma, GLOW), GLOW);
    this.#plot.arrows(this.#toy.arrows(sigma, ARROWS), ARROWS);
    this.#plot.points(
      this.#runs ? this.#toy.chains() : this.#toy.noisy(sigma, CHAINS),
      DensityPlot.color("--frame-text"),
    );
    if (this.#dot) this.#plot.points(this.#dot, this.#plot.heat, DOT);
  }
}

/** A place of the plane. @param {number} across @param {number} down fractions of the canvas @returns {[x: number, y: number]} */
const inPlane = (across, down) => [SIDE * (2 * across - 1), -SIDE * (2 * down - 1)];

/** The place that a pointer is at. @param {PointerEvent} event */
function placeOf({ clientX, clientY }) {
  const { left, top, width, height } = $("-view").getBoundingClientRect();
  return inPlane((clientX - left) / width, (clientY - top) / height);
}
