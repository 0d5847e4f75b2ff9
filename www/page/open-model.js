// @ts-check
/**
 * Makes a visitor's own model the page's: a file that was dropped, trained here, or chosen in a dialog, which also lists the
 * models that this browser has. The page fetches this when the visitor opens one.
 */
import { carryOver } from "./carry-over.js";
import { onConfirmed } from "../dom/confirm.js";
import { dialogOf, isDialogOpen, styleDialogs } from "../dom/dialog.js";
import { element } from "../dom/dom.js";
import { fileSize } from "../dom/format.js";
import { MAX_MODEL_BYTES } from "../model/model.js";
import { forgetModel, keepModel } from "../model/own-models.js";
import { OWN, ownLabel, ownNames } from "../state/own-list.js";
import { run } from "./page.js";
import { state } from "../state/state.js";

/**
 * Checks a file and makes it the model of the page, which is loaded again for that.
 * @param {File} file
 * @throws {Error} that says why it cannot be used
 */
export async function openModel(file) {
  if (file.size > MAX_MODEL_BYTES)
    throw new Error(
      `${file.name} has ${fileSize(file.size)}, and the page takes up to ${fileSize(MAX_MODEL_BYTES)}.`,
    );
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    // Where the module has not come yet, or has stopped, the model is checked when it is loaded.
    if (state.loaded && !run.dead) new state.loaded.wasmModule.Model(bytes).free();
  } catch (error) {
    const reason = /** @type {Error} */ (error).message.replace(/[.?!]?$/, (end) => end || ".");
    throw new Error(
      `${file.name} is not a model that this page can run: ${reason} Models are written by this project’s train and import commands.`,
    );
  }
  const name = await keepModel(file.name, bytes);
  const link = new URL(`./?model=${encodeURIComponent(OWN + name)}`, location.href);
  carryOver(link);
  location.href = link.href;
}

/** Lets a visitor choose a file, and shows the models that are here. */
export async function openOwnDialog() {
  await styleDialogs();
  // The second of two quick clicks may come before the first has opened the dialog.
  if (isDialogOpen()) return;
  const status = element("p", "", { className: "hint" });
  status.setAttribute("role", "alert");
  const file = element("input", "", { type: "file", id: "own-file", accept: ".safetensors" });
  file.hidden = true;
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    status.textContent = `Reading ${chosen.name}…`;
    await openModel(chosen).catch((error) => (status.textContent = error.message));
  });
  const choose = element("button", "Choose a file…", { type: "button", id: "own-choose" });
  choose.addEventListener("click", () => file.click());
  const ways = element("div", "", { className: "ways" });
  const row = element("div");
  row.append(choose, element("span", "or drop it anywhere on the page"));
  ways.append(row);
  for (const name of ownNames()) ways.append(kept(name, status));
  const text = element(
    "p",
    "A .safetensors file that this project’s train or import command has written. It runs here, on your device, and stays in this browser until you remove it: nothing is uploaded.",
    { className: "hint" },
  );
  const dialog = dialogOf("own-dialog", "Your own model", [text, ways, file, status]);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

/** A model that is here, to be removed. @param {string} name @param {HTMLElement} status */
function kept(name, status) {
  const row = element("div", "", { className: "kept" });
  const remove = element("button", "Remove", { type: "button" });
  remove.setAttribute("aria-label", `Remove ${ownLabel(name)} from this browser`);
  onConfirmed(remove, "Remove for good?", async () => {
    try {
      await forgetModel(name);
      // The focus would be lost with the button.
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      next?.querySelector("button")?.focus();
      status.textContent = `${name} is removed from this browser.`;
    } catch (error) {
      status.textContent = /** @type {Error} */ (error).message;
    }
  });
  const link = element("a", ownLabel(name), {
    href: `./?model=${encodeURIComponent(OWN + name)}`,
    dir: "auto",
  });
  row.append(link, remove);
  return row;
}
