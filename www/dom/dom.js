// @ts-check
/** The page's elements. */

/** The element with an id, which `index.html` has. @param {string} id @returns {any} */
export const $ = (id) => document.getElementById(id);

/** Whether an element is a field for text or a list, or in one: keys and what is pasted are for that. @param {any} target @returns {boolean} */
export const isTyping = (target) =>
  target.closest(
    "input:not([type=radio], [type=checkbox], [type=range]), select, textarea, [contenteditable]",
  ) !== null;

/** Makes another element. @param {string} name @param {string} [text] @param {Record<string, unknown>} [properties] @returns {any} */
export function element(name, text = "", properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...properties });
}
