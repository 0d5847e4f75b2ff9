// @ts-check
/**
 * Text in a live region, which screen readers read out when it changes. What changes many times a second would keep them
 * busy for as long as that lasts, so only the beginning and the end of such work are announced.
 */

/** Shows text and has it read out. @param {HTMLElement} region @param {string} text */
export const announce = (region, text) => write(region, text, "polite");

/** Shows text, such as how far some work is, without having it read out. @param {HTMLElement} region @param {string} text */
export const showSilently = (region, text) => write(region, text, "off");

/** @param {HTMLElement} region @param {string} text @param {"polite" | "off"} live */
function write(region, text, live) {
  const changed = region.getAttribute("aria-live") !== live;
  if (changed) region.setAttribute("aria-live", live);
  // Changes that were made while the region was off are not announced, so the text is set again.
  if (region.textContent !== text || (changed && live === "polite")) region.textContent = text;
}
