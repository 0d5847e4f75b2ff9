// @ts-check
/** A canvas that shows a plane: a density as a glow, arrows, points and lines. y points up. */

/** Hundreds of small shapes on a small canvas are painted faster without the GPU, which has other work here. */
const IN_MEMORY = { willReadFrequently: true };
/** An arrow's head is at this angle from its line, in radians. */
const HEAD = 2.6;

export class DensityPlot {
  #canvas;
  #context;
  #reach;
  /** The density, pixel by pixel; the canvas shows it enlarged. @type {OffscreenCanvas | undefined} */ #glow;

  /** @param {HTMLCanvasElement} canvas @param {number} reach it shows −reach to reach in both directions */
  constructor(canvas, reach) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", IN_MEMORY));
    this.#reach = reach;
  }

  /** Empties the canvas and gives it the size at which it is shown. @returns {boolean} whether it is shown at all */
  begin() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    // Setting the size clears the canvas, without which there would be trails.
    this.#canvas.width = this.#canvas.height = side;
    return side > 0;
  }

  /** The color of a custom property of the page. @param {string} name */
  static color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name);
  }

  /** The color of the noise level, from hot to cold. */
  get heat() {
    return getComputedStyle(this.#canvas).color;
  }

  /** The pixel of a point. @param {number} x @param {number} y @returns {[number, number]} */
  #at(x, y) {
    const half = this.#canvas.width / 2;
    return [half * (x / this.#reach + 1), half * (1 - y / this.#reach)];
  }

  /** @param {Float32Array} density from 0 to 1, at n × n points, from the top @param {number} n */
  glow(density, n) {
    this.#glow ??= new OffscreenCanvas(n, n);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      this.#glow.getContext("2d", IN_MEMORY)
    );
    const image = new ImageData(n, n);
    density.forEach((density, at) => (image.data[4 * at + 3] = 200 * Math.sqrt(density)));
    context.putImageData(image, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = this.heat;
    context.fillRect(0, 0, n, n);
    context.globalCompositeOperation = "source-over";
    this.#context.imageSmoothingQuality = "high";
    this.#context.drawImage(this.#glow, 0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** @param {Float32Array} arrows at n × n points, from the top @param {number} n */
  arrows(arrows, n) {
    const cell = this.#canvas.width / n;
    this.#context.beginPath();
    for (let at = 0; at < n * n; at++) {
      const [dx, dy] = [arrows[2 * at], -arrows[2 * at + 1]];
      const length = Math.hypot(dx, dy);
      if (length < 0.02) continue;
      // However long they are, arrows stay in their cells.
      const scale = (0.45 * cell * Math.tanh(0.6 * length)) / length;
      const [x, y] = [((at % n) + 0.5) * cell, (Math.floor(at / n) + 0.5) * cell];
      this.#arrow([x - dx * scale, y - dy * scale], [x + dx * scale, y + dy * scale], 0.14 * cell);
    }
    this.#stroke(1, DensityPlot.color("--frame-soft"));
  }

  /** One arrow in bold. @param {[number, number]} from @param {[number, number]} to */
  arrow(from, to) {
    this.#context.beginPath();
    this.#arrow(this.#at(...from), this.#at(...to), 6 * devicePixelRatio);
    this.#stroke(2.5, this.heat);
  }

  /** @param {[number, number]} from @param {[number, number]} to in pixels @param {number} head */
  #arrow([fromX, fromY], [toX, toY], head) {
    this.#context.moveTo(fromX, fromY);
    this.#context.lineTo(toX, toY);
    for (const turn of [HEAD, -HEAD]) {
      const angle = Math.atan2(toY - fromY, toX - fromX) + turn;
      this.#context.moveTo(toX, toY);
      this.#context.lineTo(toX + head * Math.cos(angle), toY + head * Math.sin(angle));
    }
  }

  /** @param {ArrayLike<number>} points pairs of x and y @param {string} color @param {number} [radius] */
  points(points, color, radius = 1.6) {
    const context = this.#context;
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = this.#at(points[i], points[i + 1]);
      context.moveTo(x, y);
      context.arc(x, y, radius * devicePixelRatio, 0, 7);
    }
    context.fillStyle = color;
    context.fill();
  }

  /**
   * A line through points.
   * @param {ArrayLike<number>} points pairs of x and y @param {string} color
   * @param {{ opacity?: number, width?: number }} [style] its width in CSS pixels
   */
  line(points, color, { opacity = 1, width = 1 } = {}) {
    this.#context.beginPath();
    for (let i = 0; i < points.length; i += 2)
      this.#context.lineTo(...this.#at(points[i], points[i + 1]));
    this.#context.globalAlpha = opacity;
    this.#stroke(width, color);
    this.#context.globalAlpha = 1;
  }

  /** @param {number} width @param {string} color */
  #stroke(width, color) {
    this.#context.lineWidth = width * devicePixelRatio;
    this.#context.strokeStyle = color;
    this.#context.stroke();
  }
}
