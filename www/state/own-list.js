// @ts-check
/**
 * The names of models that a visitor has opened from files, as links beside the page's own. The files themselves are
 * in the browser's cache; `model/own-models.js` puts them there and takes them out.
 */
import { $ } from "../dom/dom.js";
import { recall, remember } from "../dom/storage.js";

/** What the addresses of such models begin with; the rest is the name of the file. */
export const OWN = "own:";
/** Under which name the list is kept. */
const KEY = "ncsn own models";

export const ownNames = () => recall(KEY).split("\n").filter(Boolean);

/** @param {string[]} names */
export const rememberOwnNames = (names) => remember(KEY, names.join("\n"));

/** What the page calls such a model. @param {string} name of the file */
export const ownLabel = (name) => name.replace(/\.safetensors$/i, "");

/** Adds the links. */
export function showOwnModels() {
  for (const name of ownNames()) {
    const link = document.createElement("a");
    link.href = `./?model=${encodeURIComponent(OWN + name)}`;
    const label = document.createElement("span");
    label.textContent = link.title = ownLabel(name);
    label.dir = "auto";
    link.append(label);
    $("models").append(link);
  }
}
