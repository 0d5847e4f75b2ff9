// @ts-check
/** Drawing without a pointer: arrow keys move a dot, and the space bar puts the pen down or lifts it. */

/** How many cells a key moves the dot, without and with Shift. */
const STEP = 1;
const LEAP = 4;

/** @typedef {import("./brush.js").Point} Point */

/**
 * @param {HTMLCanvasElement} canvas that has the focus
 * @param {{ down(at: Point): void, to(at: Point): void, up(): void, mark(at: Point | null): void }} pen
 *   draws, and shows where the dot is
 * @param {{ width: number, height: number }} grid whose cells the dot goes through: the canvas's pixels unless given
 */
export function drawByKeys(canvas, pen, grid = canvas) {
  /** @type {Point | null} */
  let dot = null;
  let draws = false;
  const lift = () => {
    if (draws) pen.up();
    draws = false;
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? LEAP : STEP;
    /** @type {Record<string, [number, number]>} */
    const ways = {
      ArrowLeft: [-far, 0],
      ArrowRight: [far, 0],
      ArrowUp: [0, -far],
      ArrowDown: [0, far],
    };
    const way = ways[event.key];
    if (!way && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    dot ??= { x: grid.width / 2, y: grid.height / 2 };
    if (way) {
      const within = (/** @type {number} */ at, /** @type {number} */ size) =>
        Math.min(size - 0.5, Math.max(0.5, at));
      dot = {
        x: within(dot.x + way[0], grid.width),
        y: within(dot.y + way[1], grid.height),
      };
      if (draws) pen.to(dot);
    } else if (draws) lift();
    else {
      draws = true;
      pen.down(dot);
    }
    pen.mark(dot);
  });
  canvas.addEventListener("blur", () => {
    lift();
    pen.mark(null);
  });
}
