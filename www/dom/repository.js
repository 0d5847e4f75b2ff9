// @ts-check
/** Links to the page's source code. */

/** The address of a file or folder in the repository, where the page says which that is. @param {string} path */
export function inRepository(path) {
  const meta = document.querySelector('meta[name="repository"]');
  const repository = meta?.getAttribute("content")?.replace(/\/+$/, "");
  return repository?.startsWith("https://") ? `${repository}/tree/HEAD/${path}` : undefined;
}
