// @ts-check
/** Dialogs, which are only made when they are asked for. */
import { element } from "./dom.js";
import { addStyleSheet } from "./style-sheet.js";

/** To be called before a dialog is made, and before its own style sheet is added. @returns {Promise<unknown>} settles when it looks as it should */
export const styleDialogs = () => addStyleSheet("dom/dialog.css");

/** Whether one is open: a second must not open over it. */
export const isDialogOpen = () => document.querySelector("dialog[open]") !== null;

/**
 * A dialog with a title, and a button to close it.
 * @param {string} id @param {string} title @param {Node[]} contents
 * @returns {HTMLDialogElement}
 */
export function dialogOf(id, title, contents) {
  const dialog = element("dialog", "", { id });
  const heading = element("h2", title, { id: `${id}-title` });
  dialog.setAttribute("aria-labelledby", heading.id);
  const form = element("form", "", { method: "dialog" });
  form.append(element("button", "Close"));
  dialog.append(heading, ...contents, form);
  document.body.append(dialog);
  return dialog;
}

/**
 * Gives the focus to the title of a dialog, where the keyboard and screen readers go on: for when what had it is gone.
 * @param {HTMLElement} dialog
 */
export function focusTitle(dialog) {
  const heading = dialog.querySelector("h2");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus();
}
