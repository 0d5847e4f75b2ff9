// @ts-check
/** The links in "How it works": to papers, and to source code. */

import { inRepository } from "../dom/repository.js";

/** Papers are below; the hash of the address, where links usually say this, belongs to the drawing. */
export function linkPapers() {
  for (const cite of document.querySelectorAll(".cite"))
    cite.addEventListener("click", (/** @type {any} */ event) => {
      const paper = document.getElementById(cite.getAttribute("href")?.slice(1) ?? "");
      // With such a key, browsers open a link in another tab or window, or download it.
      const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
      if (!paper || elsewhere) return;
      event.preventDefault();
      paper.scrollIntoView({ block: "center" });
      paper.focus({ preventScroll: true });
    });
}

/** Makes links of the names of files, where the page says which repository has them. */
export function linkSources() {
  for (const code of document.querySelectorAll(".notes .more > code")) {
    const href = inRepository(code.textContent ?? "");
    if (!href) return;
    const link = document.createElement("a");
    link.href = href;
    code.replaceWith(link);
    link.append(code);
  }
}
