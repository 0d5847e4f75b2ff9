// @ts-check
/** Style sheets of what few visitors open: they are added to the page when they are needed. */

/** @type {Map<string, Promise<unknown>>} by the names of their files */
const added = new Map();

/**
 * Adds a style sheet, once.
 * @param {string} name of its file in the folder of the page's scripts
 * @returns {Promise<unknown>} settles when it is there, and also if it did not arrive
 */
export function addStyleSheet(name) {
  let styled = added.get(name);
  if (!styled) {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href: new URL(`../${name}`, import.meta.url).href });
    styled = new Promise((done) => (link.onload = link.onerror = done));
    document.head.append(link);
    added.set(name, styled);
  }
  return styled;
}
