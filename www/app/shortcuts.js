// @ts-check
/** The dialog that lists the shortcuts, and switches them off. The page fetches it when it is asked for. */
import { dialogOf, isDialogOpen, styleDialogs } from "../dom/dialog.js";
import { element } from "../dom/dom.js";

/** @type {HTMLDialogElement | undefined} */
let dialog;

/** @param {{ key: string, name: string }[]} shortcuts @param {boolean} on @param {(on: boolean) => void} onSwitch */
export async function listShortcuts(shortcuts, on, onSwitch) {
  await styleDialogs();
  if (isDialogOpen()) return;
  dialog ??= make([...shortcuts, { key: "?", name: "this list" }], on, onSwitch);
  dialog.showModal();
}

/** @param {{ key: string, name: string }[]} shortcuts @param {boolean} on @param {(on: boolean) => void} onSwitch */
function make(shortcuts, on, onSwitch) {
  const list = element("dl");
  for (const { key, name } of shortcuts) {
    const row = element("div");
    const term = element("dt");
    term.append(element("kbd", key === " " ? "space" : key));
    row.append(term, element("dd", name));
    list.append(row);
  }
  const label = element("label", "", { className: "check" });
  const box = element("input", "", { type: "checkbox", id: "shortcuts-on" });
  box.checked = on;
  box.addEventListener("change", () => onSwitch(box.checked));
  label.append(box, element("span", "Use single keys as shortcuts"));
  return dialogOf("shortcuts", "Keyboard shortcuts", [list, label]);
}
