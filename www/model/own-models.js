// @ts-check
/**
 * Models from a visitor's own files. They stay in this browser, in the cache that pages can fill themselves, so that
 * everything works with them as with the page's own: links, reloading, going back. Nothing is uploaded.
 *
 * The page fetches this when the visitor opens a file, or such a model.
 */
import { carryOver } from "../app/carry-over.js";
import { match, put, sumOf } from "./checked-cache.js";
import { onConfirmed } from "../dom/confirm.js";
import { dialogOf, styleDialogs } from "../dom/dialog.js";
import { element } from "../dom/dom.js";
import { Failure } from "../failures/failures.js";
import { fileSize } from "../dom/format.js";
import { MAX_MODEL_BYTES } from "./model.js";
import { OWN, ownLabel, ownNames, rememberOwnNames } from "./own-list.js";
import { run } from "../app/session.js";
import { models, state } from "../app/state.js";

const CACHE = "ncsn own models";

/** The address under which a file is cached: no server is asked for it. @param {string} name */
const addressOf = (name) => new URL(`own-models/${encodeURIComponent(name)}`, document.baseURI);

/** @throws {Error} where pages may keep nothing */
async function openCache() {
  try {
    return await caches.open(CACHE);
  } catch {
    throw new Error(
      window.isSecureContext
        ? "This browser keeps no files for pages, as in some private windows, so the model cannot be opened here."
        : "Browsers keep files only for pages that come over https:// or from this machine, so the model cannot be opened here.",
    );
  }
}

/**
 * A model that was opened earlier, as if it had been fetched.
 * @param {string} name @returns {Promise<Response>}
 * @throws {Failure} if it is not in this browser, or not as it was
 */
export async function ownModel(name) {
  const cache = await openCache().catch((error) => {
    throw new Failure("model", { title: "This model is out of reach", text: error.message });
  });
  const found = await match(cache, addressOf(name));
  if (found instanceof Response) return found;
  rememberOwnNames(ownNames().filter((other) => other !== name));
  if (found) {
    await cache.delete(addressOf(name));
    throw new Failure("model", {
      title: "This model is damaged",
      text: `“${name}” is no longer what this browser had kept, so it was removed.`,
      advice: ["If you have the file, drop it on this page."],
    });
  }
  throw new Failure("model", {
    title: "This model is not in this browser",
    text: `“${name}” was opened from a file, perhaps in another browser. Such models never leave the browser that they were opened in, and stay there until they are removed.`,
    advice: [
      "If you have the file, drop it on this page.",
      "The person who made the link can send it to you, or publish it and link to its address.",
    ],
  });
}

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
  const cache = await openCache();
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
  const name = await nameFor(file, bytes, cache);
  await put(cache, addressOf(name), bytes).catch((error) => {
    throw new Error(`The browser has no room to keep ${name}: ${error.message}`);
  });
  rememberOwnNames([...ownNames().filter((other) => other !== name), name]);
  const link = new URL(`./?model=${encodeURIComponent(OWN + name)}`, location.href);
  carryOver(link);
  location.href = link.href;
}

/**
 * A name for a file: with a number, if another file of this name is here. A model that was trained on the page may be nowhere
 * else.
 * @param {File} file @param {Uint8Array<ArrayBuffer>} bytes @param {Cache} cache
 */
async function nameFor(file, bytes, cache) {
  // The list of names has one in each line.
  const name = file.name.replace(/[\r\n]+/g, " ");
  const sum = await sumOf(bytes);
  for (let n = 1; ; n++) {
    const free = n === 1 ? name : name.replace(/(\.\w+)?$/, (type) => ` (${n})${type}`);
    const kept = await match(cache, addressOf(free));
    if (!(kept instanceof Response) || sum === (await sumOf(await kept.arrayBuffer()))) return free;
  }
}

/** @param {string} name */
async function forget(name) {
  rememberOwnNames(ownNames().filter((other) => other !== name));
  for (const [link] of models)
    if (new URL(link.href).searchParams.get("model") === OWN + name) link.remove();
  await (await openCache()).delete(addressOf(name));
}

/** Lets a visitor choose a file, and shows the models that are here. */
export async function openOwnDialog() {
  await styleDialogs();
  // The second of two quick clicks may come before the first has opened the dialog.
  if (document.querySelector("dialog[open]")) return;
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
      await forget(name);
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
