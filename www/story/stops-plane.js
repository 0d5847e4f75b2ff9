// @ts-check
/** The figures of "How it works" that are in the plane, or on a line, and what computes them. */
import { DensityPlot } from "./density-plot.js";
import { Stop, normal } from "./stop.js";
import { ARROWS, CHAINS, GLOW, SIDE } from "./toy-module.js";

/** @typedef {import("./toy-module.js").Toy2d} Toy2d */

const RUN_MS = 5000;
/** The line on which guidance is shown goes from −LINE to LINE. */
const LINE = 4;

/** The plane with its density at a level of noise. @param {Stop} stop @param {DensityPlot} plane @param {Toy2d} toy @param {number} sigma */
function ground(stop, plane, toy, sigma) {
  stop.coldness = sigma ? 1 - toy.fraction_at(sigma) : 1;
  if (!plane.begin()) return false;
  plane.glow(toy.density(sigma, GLOW), GLOW);
  return true;
}

/** The score: arrows everywhere, and one that is to be moved. */
export class ScoreStop extends Stop {
  #toy;
  #plot = new DensityPlot(this.canvas, SIDE);
  /** Where the arrow begins: an angle, as a part of a turn. */ #turn = 0.3;
  #fraction = 0.72;

  /** @param {HTMLElement} figure @param {Toy2d} toy */
  constructor(figure, toy) {
    super(
      figure,
      "The density of two clouds of points, with its score as arrows and one arrow in bold",
    );
    this.#toy = toy;
    this.slider("Where", this.#turn, (turn) => {
      this.#turn = turn;
      this.paint();
      return `${Math.round(360 * turn)}°`;
    }).read();
    this.slider("Noise σ", this.#fraction, (fraction) => {
      this.#fraction = fraction;
      this.paint();
      return this.#toy.sigma_at(fraction).toPrecision(2);
    }).read();
    this.say("The bold arrow leads from a noisy point to where points are more probable.");
  }

  paint() {
    const sigma = this.#toy.sigma_at(this.#fraction);
    if (!ground(this, this.#plot, this.#toy, sigma)) return;
    const arrows = this.#toy.arrows(sigma, ARROWS);
    this.#plot.arrows(arrows, ARROWS);
    // On a circle, in the middle of one of the cells.
    const angle = 2 * Math.PI * this.#turn;
    const [column, row] = [Math.cos(angle), -Math.sin(angle)].map((part) =>
      Math.round((ARROWS - 1) * (0.5 + 0.36 * part)),
    );
    const at = 2 * (row * ARROWS + column);
    const place = (/** @type {number} */ cell) => SIDE * ((2 * (cell + 0.5)) / ARROWS - 1);
    const [x, y] = [place(column), -place(row)];
    const length = Math.hypot(arrows[at], arrows[at + 1]) || 1;
    const scale = (2 + 3 * Math.tanh(0.6 * length)) / length;
    this.#plot.points([x, y], DensityPlot.color("--frame-text"), 3.5);
    this.#plot.arrow([x, y], [x + scale * arrows[at], y + scale * arrows[at + 1]]);
  }
}

/** Denoising score matching: the ways back from a noisy point to where it may have come from, and their mean. */
export class MatchingStop extends Stop {
  #plot = new DensityPlot(this.canvas, SIDE);
  /** Points like those that a network learns, a fifth of them in the lower cloud. */
  #points;
  /** A noisy point. */ #noisy = /** @type {[number, number]} */ ([-1.5, 1]);
  #sigma = 0;

  /** @param {HTMLElement} figure @param {Toy2d} toy */
  constructor(figure, toy) {
    super(
      figure,
      "Points, lines from a noisy point back to them, and the mean of all these ways as an arrow",
    );
    const count = 40;
    this.#points = normal(2 * count, 5).map((z, at) => 1.2 * z + (at < count * 0.4 ? -5 : 5));
    this.slider("Noise σ", 0.7, (fraction) => {
      this.#sigma = toy.sigma_at(fraction);
      this.coldness = 1 - fraction;
      this.paint();
      return this.#sigma.toPrecision(2);
    }).read();
  }

  paint() {
    if (!this.#plot.begin()) return;
    const [x, y] = this.#noisy;
    const squared = [];
    for (let at = 0; at < this.#points.length; at += 2)
      squared.push((this.#points[at] - x) ** 2 + (this.#points[at + 1] - y) ** 2);
    const least = Math.min(...squared);
    // How probable it is, up to a factor, that noise of this size has moved each point to here.
    const weights = squared.map((square) => Math.exp((least - square) / (2 * this.#sigma ** 2)));
    const sum = weights.reduce((sum, weight) => sum + weight, 0);
    const most = Math.max(...weights);
    const mean = [0, 0];
    let squares = 0;
    weights.forEach((weight, at) => {
      const point = this.#points.subarray(2 * at, 2 * at + 2);
      mean[0] += (weight / sum) * point[0];
      mean[1] += (weight / sum) * point[1];
      squares += (weight / sum) ** 2;
      const opacity = weight / most;
      if (opacity > 0.02)
        this.#plot.line([x, y, ...point], DensityPlot.color("--frame-soft"), {
          opacity: 0.9 * opacity,
        });
    });
    this.#plot.points(this.#points, DensityPlot.color("--frame-text"), 2);
    this.#plot.points([x, y], this.#plot.heat, 4);
    this.#plot.arrow([x, y], [mean[0], mean[1]]);
    const ways = Math.round(1 / squares);
    this.sayPassing(
      `${ways === 1 ? "One way back counts" : `About ${ways} of ${weights.length} ways back count`}. The arrow, their mean, is what a network learns.`,
    );
  }
}

/** Chains that follow the score by one sampler, and the share of them in each cloud, live. */
export class SharesStop extends Stop {
  #toy;
  #plot = new DensityPlot(this.canvas, SIDE);
  #sampler;

  /** @param {HTMLElement} figure @param {Toy2d} toy @param {string} sampler */
  constructor(figure, toy, sampler) {
    super(figure, "Chains in the plane on their way to two clouds");
    this.#toy = toy;
    this.#sampler = sampler;
    toy.begin(sampler, CHAINS);
    this.button("Run the chains", () => this.#run());
    this.sayPassing(this.#share);
    this.whenSeen(() => this.#run());
  }

  #run() {
    this.#toy.begin(this.#sampler, CHAINS);
    const steps = this.#toy.steps();
    this.play(RUN_MS, (fraction) => {
      this.#toy.advance_to(Math.ceil(fraction * steps));
      this.paint();
      if (fraction < 1) this.sayPassing(this.#share);
      else this.say(this.#share);
    });
  }

  /** How many of the chains are where most of the points are. */
  get #share() {
    const share = Math.round(100 * this.#toy.upper_share());
    return `${share}\u202f% of the chains are nearer to the upper cloud, where 80\u202f% of the points are.`;
  }

  paint() {
    if (!ground(this, this.#plot, this.#toy, this.#toy.sigma())) return;
    this.#plot.points(this.#toy.chains(), DensityPlot.color("--frame-text"));
  }
}

/** The ways of some chains from the same noise, by different samplers. */
export class WaysStop extends Stop {
  #toy;
  #plot = new DensityPlot(this.canvas, SIDE);
  /** The way of each chain: pairs of x and y. @type {number[][]} */ #ways = [];
  #shown = 1;

  /** @param {HTMLElement} figure @param {Toy2d} toy */
  constructor(figure, toy) {
    super(figure, "Lines from noise to two clouds: the ways of chains");
    this.#toy = toy;
    this.select(
      "Sampler",
      [
        ["heun", "the flow, by Heun"],
        ["ancestral", "ancestral"],
        ["exact-langevin", "annealed Langevin, exact noise"],
      ],
      (sampler) => {
        this.#follow(sampler);
        this.#show();
      },
    );
    this.#follow("heun");
    this.whenSeen(() => this.#show());
  }

  /** Finds the ways by another sampler. @param {string} sampler */
  #follow(sampler) {
    const [chains, looks] = [40, 60];
    this.#toy.begin(sampler, chains);
    this.#ways = Array.from({ length: chains }, () => []);
    const steps = this.#toy.steps();
    for (let look = 0; look <= looks; look++) {
      this.#toy.advance_to(Math.round((look * steps) / looks));
      const points = this.#toy.chains();
      this.#ways.forEach((way, at) => way.push(points[2 * at], points[2 * at + 1]));
    }
    const fresh = sampler === "heun" ? "no fresh noise: smooth ways" : "fresh noise on the way";
    this.say(`${steps.toLocaleString("en")} evaluations, ${fresh}.`);
  }

  /** Draws the ways from their beginning. */
  #show() {
    this.play(2500, (fraction) => {
      this.#shown = fraction;
      this.paint();
    });
  }

  paint() {
    if (!ground(this, this.#plot, this.#toy, this.#toy.sigma_at(0.3))) return;
    for (const way of this.#ways) {
      const end = 2 * Math.max(1, Math.ceil((this.#shown * way.length) / 2));
      this.#plot.line(way.slice(0, end), DensityPlot.color("--frame-text"), { opacity: 0.55 });
      this.#plot.points(way.slice(end - 2, end), this.#plot.heat, 2.5);
    }
  }
}

/** Guidance, on a line: the densities of all images, of a class, and of the class under guidance. */
export class GuidanceStop extends Stop {
  #plot = new DensityPlot(this.canvas, LINE);
  #weight = 1;

  /** @param {HTMLElement} figure */
  constructor(figure) {
    super(figure, "The densities of all images, of a class, and of the class under guidance");
    this.coldness = 0.25;
    this.slider("Guidance w", 0.4, (fraction) => {
      this.#weight = 1 + 4 * fraction;
      this.paint();
      return this.#weight.toFixed(1);
    }).read();
    this.say(
      "Gray: all images. White: one class. In color: the class under guidance, further from the others.",
    );
  }

  paint() {
    if (!this.#plot.begin()) return;
    const bell = (/** @type {number} */ x, /** @type {number} */ mean) =>
      Math.exp(-((x - mean) ** 2) / 2);
    const one = (/** @type {number} */ x) => bell(x, 0.8);
    const all = (/** @type {number} */ x) => (one(x) + bell(x, -0.8)) / 2;
    const guided = (/** @type {number} */ x) =>
      one(x) ** this.#weight * all(x) ** (1 - this.#weight);
    const places = Array.from({ length: 161 }, (_, at) => LINE * (at / 80 - 1));
    const curve = (
      /** @type {(x: number) => number} */ density,
      /** @type {string} */ color,
      /** @type {number} */ width,
    ) => {
      const values = places.map(density);
      const most = Math.max(...values);
      // The peak is near the upper edge, and 0 near the lower one.
      const height = (/** @type {number} */ value) => LINE * (1.6 * (value / most) - 0.84);
      const points = places.flatMap((x, at) => [x, height(values[at])]);
      this.#plot.line(points, color, { width });
    };
    curve(all, DensityPlot.color("--frame-soft"), 1);
    curve(one, DensityPlot.color("--frame-text"), 1.5);
    curve(guided, this.#plot.heat, 3);
  }
}
