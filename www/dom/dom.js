// @ts-check
/** The page's elements. */

/** The element with an id, which `index.html` has. @param {string} id @returns {any} */
export const $ = (id) => document.getElementById(id);
