// @ts-check
/** Parts of plots. */
const SVG = "http://www.w3.org/2000/svg";

/** Around the plots whose horizontal axis is the step, in CSS pixels: what is below another has the same. */
export const MARGIN = { top: 10, right: 10, bottom: 22, left: 38 };

/**
 * @param {string} name @param {Record<string, string | number>} attributes
 * @param {Element} [parent]
 */
export function element(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  parent?.append(node);
  return node;
}

/** @param {Element} parent @param {string} text @param {Record<string, string | number>} attributes */
export function label(parent, text, attributes) {
  element("text", attributes, parent).textContent = text;
}
