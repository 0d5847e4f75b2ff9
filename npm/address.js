// @ts-check
/** Addresses as a page writes them. */

/**
 * The whole address of one that is relative to the page, or to the worker.
 * @param {string | URL} address
 * @returns {string}
 * @throws {TypeError} if it is none
 */
export const absolute = (address) =>
  new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href).href;
