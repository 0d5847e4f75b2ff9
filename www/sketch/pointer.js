// @ts-check
/** Drawing with a mouse, a pen or a finger. */
import { followDrags } from "../dom/drag.js";

/** @typedef {import("./brush.js").Point} Point */

/**
 * From now on draws where a pointer goes.
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
  followDrags(canvas, {
    down(event) {
      event.preventDefault();
      pen.down(at(event));
    },
    to: (event) => pen.to(at(event)),
    up: () => pen.up(),
  });
}
