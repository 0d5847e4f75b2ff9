// @ts-check
/**
 * Text in a live region, which screen readers read out when it changes. What changes many times a second would keep them
 * busy for as long as that lasts, so only the beginning and the end of such work are announced.
 */

/** Shows text and has it read out. @param {HTMLElement} region @param {string} text */
export const announce = (region, text) => write(region, text, "polite");

/** Shows how far some work is, without having it read out. @param {HTMLElement} region @param {string} text */
export const showProgress = (region, text) => write(region, text, "off");

/** @param {HTMLElement} region @param {string} text @param {"polite" | "off"} live */
function write(region, text, live) {
  if (region.getAttribute("aria-live") !== live) region.setAttribute("aria-live", live);
  if (region.textContent !== text) region.textContent = text;
}
