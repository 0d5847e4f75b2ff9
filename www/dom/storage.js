// @ts-check
/** What the page keeps in the browser across visits. Some visitors forbid storage: then it keeps nothing. */

/** What is kept under a name. @param {string} name */
export function recall(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} name @param {string} text */
export function remember(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {
    // Without storage, the next visit begins without it.
  }
}
