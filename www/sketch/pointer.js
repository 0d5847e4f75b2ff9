// @ts-check
/** Drawing with a mouse, a pen or a finger. */

/** @typedef {import("./brush.js").Point} Point */

/**
 * From now on draws where the first finger goes; others are ignored.
 * @param {HTMLCanvasElement} canvas
 * @param {{ down(at: Point): void, to(at: Point): void, up(): void }} pen in pixels of the canvas
 */
export function drawByPointer(canvas, pen) {
  const at = (/** @type {PointerEvent} */ { clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return {
      x: ((clientX - left) / width) * canvas.width,
      y: ((clientY - top) / height) * canvas.height,
    };
  };
  /** @param {"pointerdown" | "pointermove" | "pointerup" | "pointercancel"} type @param {(event: PointerEvent) => void} act */
  const on = (type, act) =>
    canvas.addEventListener(type, (event) => {
      if (event.isPrimary) act(event);
    });
  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    pen.down(at(event));
  });
  on("pointermove", (event) => pen.to(at(event)));
  on("pointerup", () => pen.up());
  on("pointercancel", () => pen.up());
}
