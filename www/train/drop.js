// @ts-check
/** Files that are dropped on a dialog or pasted into it, before the page, which lies behind it, would take them. */
import { isTyping } from "../dom/dom.js";

/**
 * @param {HTMLElement} dialog has the class `takes` while files are over it
 * @param {() => boolean} open whether it takes files now
 * @param {(files: DataTransfer) => void} onFiles
 */
export function takeFiles(dialog, open, onFiles) {
  const drops = (/** @type {boolean} */ on) => dialog.classList.toggle("takes", on);
  dialog.addEventListener("dragover", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (open()) drops(true);
  });
  dialog.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!dialog.contains(/** @type {Node | null} */ (relatedTarget))) drops(false);
  });
  const take = (/** @type {Event} */ event, /** @type {DataTransfer | null} */ transfer) => {
    drops(false);
    event.stopPropagation();
    if (!transfer?.types.includes("Files") || !open()) return;
    event.preventDefault();
    onFiles(transfer);
  };
  dialog.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event, event.dataTransfer);
  });
  dialog.addEventListener("paste", (event) => {
    if (!isTyping(event.target)) take(event, event.clipboardData);
  });
}
