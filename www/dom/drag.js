// @ts-check
/**
 * Dragging with a mouse, a pen or a finger, one at a time: a palm beside a pen is ignored, and so is a second finger. A
 * palm that comes first gives way to the pen.
 */

/** How far a finger goes sideways until it drags, in CSS pixels: one that goes up or down scrolls the page. */
const SIDEWAYS = 8;

/**
 * From now on follows what goes down on an element until it is lifted.
 * @param {HTMLElement} element
 * @param {object} drag
 * @param {(event: PointerEvent) => void} drag.to
 * @param {(event: PointerEvent) => void} [drag.down] called where a drag begins; the same as `to` unless given
 * @param {() => void} [drag.up]
 * @param {boolean} [drag.scrolls] whether the page scrolls with a finger that goes up or down, as `touch-action: pan-y`
 *   has it: then a finger drags only once it goes sideways, or if it is lifted where it went down
 */
export function followDrags(element, { to, down = to, up, scrolls = false }) {
  /** What went down, if it is still there. @type {PointerEvent | null} */
  let first = null;
  let drags = false;
  const begin = (/** @type {PointerEvent} */ event) => {
    drags = true;
    down(event);
  };
  const end = () => {
    first = null;
    if (drags) up?.();
  };
  element.addEventListener("pointerdown", (event) => {
    const givesWay = first?.pointerType === "touch" && event.pointerType === "pen";
    if (event.button !== 0 || (first && !givesWay)) return;
    if (first) end();
    element.setPointerCapture(event.pointerId);
    first = event;
    drags = false;
    if (!scrolls || event.pointerType !== "touch") begin(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (event.pointerId !== first?.pointerId) return;
    const across = Math.abs(event.clientX - first.clientX);
    const along = Math.abs(event.clientY - first.clientY);
    if (!drags && across > SIDEWAYS && across > along) begin(first);
    if (drags) to(event);
  });
  element.addEventListener("pointerup", (event) => {
    if (event.pointerId === first?.pointerId && !drags) begin(event);
  });
  // Comes after `pointerup` and after `pointercancel`, with which scrolling begins.
  element.addEventListener("lostpointercapture", (event) => {
    if (event.pointerId === first?.pointerId) end();
  });
}
