// @ts-check
/**
 * The plane: the score in two dimensions, where it can be seen, and chains that follow it.
 *
 * Rust (`toy2d/`, a WebAssembly module that needs no GPU) computes what is painted here. The page
 * fetches this module when somebody scrolls to it.
 */

/** The plane is shown from −SIDE to SIDE in both directions. */
const SIDE = 10;
/** The number of points per row at which the density and the score are computed. */
const GLOW = 96;
const ARROWS = 17;
const CHAINS = 400;
/** The duration of a run with any number of steps. */
const RUN_MS = 6000;

/**
 * The exports of `toy2d/`.
 * @typedef {object} Toy2d
 * @property {(fraction: number) => number} sigma_at
 * @property {(sigma: number) => number} fraction_at
 * @property {(sigma: number, n: number) => Float32Array} density
 * @property {(sigma: number, n: number) => Float32Array} arrows
 * @property {(sigma: number, n: number) => Float32Array} noisy
 * @property {(sampler: string, chains: number) => void} begin
 * @property {() => number} steps
 * @property {(step: number) => void} advance_to
 * @property {() => boolean} finished
 * @property {() => number} sigma
 * @property {() => Float32Array} chains
 * @property {() => number} upper_share
 */

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(`toy2d${id}`);

/** Puts the figure into the page and runs it for the first time. */
export async function show() {
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: new URL("./toy2d.css", import.meta.url).href });
  const styled = new Promise((done) => (style.onload = style.onerror = done));
  document.head.append(style);
  const wasmModule = await import(new URL("../toy2d/toy2d.js", import.meta.url).href);
  await Promise.all([wasmModule.default(), styled]);
  $("").hidden = false;
  new Figure(new wasmModule.Toy2d(SIDE));
}

class Figure {
  #toy;
  #context = /** @type {CanvasRenderingContext2D} */ ($("-view").getContext("2d"));
  /** The density, pixel by pixel; the canvas shows it enlarged. */
  #glow = new OffscreenCanvas(GLOW, GLOW);
  /** Whether the points are chains, and not noisy images. */
  #runs = false;
  #frame = 0;

  /** @param {Toy2d} toy */
  constructor(toy) {
    this.#toy = toy;
    $("-sampler").append(
      ...[.../** @type {any} */ (document.getElementById("sampler")).options].map(
        (option) => new Option(option.text, option.value),
      ),
    );
    $("-sampler").value = "langevin";
    $("-sigma").addEventListener("input", () => this.#stop());
    $("-sampler").addEventListener("change", () => this.#run());
    $("-run").addEventListener("click", () => this.#run());
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
      else
        $("-share").textContent =
          `${Math.round(100 * this.#toy.upper_share())}\u202f% of the chains have ended in the upper cloud, where 80\u202f% of the images are.`;
      this.#paint();
    };
    this.#frame = requestAnimationFrame(go);
  }

  #paint() {
    const side = Math.round($("-view").clientWidth * devicePixelRatio);
    if (!side) return;
    const sigma = this.#runs ? this.#toy.sigma() : this.#toy.sigma_at(Number($("-sigma").value));
    const text = sigma.toPrecision(sigma ? 2 : 1);
    $("-sigma-text").textContent = text;
    $("-sigma").setAttribute("aria-valuetext", text);
    const fraction = sigma ? this.#toy.fraction_at(sigma) : 0;
    $("").style.setProperty("--coldness", `${100 * (1 - fraction)}%`);
    const canvas = this.#context.canvas;
    // Setting the size clears the canvas, without which there would be trails.
    canvas.width = canvas.height = side;
    const { color } = getComputedStyle(canvas);
    const page = getComputedStyle(document.documentElement);
    this.#paintGlow(sigma, side, color);
    this.#paintArrows(sigma, side, page.getPropertyValue("--frame-soft"));
    this.#paintPoints(
      this.#runs ? this.#toy.chains() : this.#toy.noisy(sigma, CHAINS),
      side,
      page.getPropertyValue("--frame-ink"),
    );
  }

  /** @param {number} sigma @param {number} side @param {string} colour */
  #paintGlow(sigma, side, colour) {
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (this.#glow.getContext("2d"));
    const image = new ImageData(GLOW, GLOW);
    this.#toy
      .density(sigma, GLOW)
      .forEach((density, at) => (image.data[4 * at + 3] = 200 * Math.sqrt(density)));
    context.putImageData(image, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = colour;
    context.fillRect(0, 0, GLOW, GLOW);
    context.globalCompositeOperation = "source-over";
    this.#context.imageSmoothingQuality = "high";
    this.#context.drawImage(this.#glow, 0, 0, side, side);
  }

  /** @param {number} sigma @param {number} side @param {string} colour */
  #paintArrows(sigma, side, colour) {
    const cell = side / ARROWS;
    const context = this.#context;
    const arrows = this.#toy.arrows(sigma, ARROWS);
    context.beginPath();
    for (let at = 0; at < ARROWS * ARROWS; at++) {
      const [dx, dy] = [arrows[2 * at], -arrows[2 * at + 1]];
      const length = Math.hypot(dx, dy);
      if (length < 0.02) continue;
      // However long they are, arrows stay in their cells.
      const scale = (0.45 * cell * Math.tanh(0.6 * length)) / length;
      const [x, y] = [((at % ARROWS) + 0.5) * cell, (Math.floor(at / ARROWS) + 0.5) * cell];
      const [tipX, tipY] = [x + dx * scale, y + dy * scale];
      context.moveTo(x - dx * scale, y - dy * scale);
      context.lineTo(tipX, tipY);
      for (const turn of [2.6, -2.6]) {
        const angle = Math.atan2(dy, dx) + turn;
        context.moveTo(tipX, tipY);
        context.lineTo(tipX + 0.14 * cell * Math.cos(angle), tipY + 0.14 * cell * Math.sin(angle));
      }
    }
    context.lineWidth = devicePixelRatio;
    context.strokeStyle = colour;
    context.stroke();
  }

  /** @param {Float32Array} points @param {number} side @param {string} colour */
  #paintPoints(points, side, colour) {
    const context = this.#context;
    const at = (/** @type {number} */ coordinate) => (side * (coordinate / SIDE + 1)) / 2;
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = [at(points[i]), at(-points[i + 1])];
      context.moveTo(x, y);
      context.arc(x, y, 1.6 * devicePixelRatio, 0, 7);
    }
    context.fillStyle = colour;
    context.fill();
  }
}
