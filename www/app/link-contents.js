// @ts-check
/** Puts on the page what a link asks for. What cannot be used gives way to the default, and the page says so. */
import { setView } from "./actions.js";
import { $ } from "../dom/dom.js";
import { isEngine } from "../engine/engine.js";
import { isTrap } from "../failures/failures.js";
import { labelOf, numberFrom } from "../settings/fields.js";
import { namesPlace } from "../state/link.js";
import { setOrigin, suitSettings } from "./origin.js";
import { controls, renewAsBefore } from "../page/page.js";
import { link, fewStepUrl, state } from "../state/state.js";

/** @param {string} value @param {number} least @param {number} most */
const isBetween = (value, least, most) => {
  const number = numberFrom(value);
  return number >= least && number <= most;
};

/**
 * What links hold besides the fields of the form: parameter, id of the element, and what it may be.
 * @type {[string, string, (value: string) => boolean][]}
 */
const VALUES = [
  ["view", "view", (value) => ["noisy", "denoised"].includes(value)],
  ["precision", "precision", (value) => ["", "f32"].includes(value)],
  ["engine", "engine", isEngine],
  ["strength", "strength", (value) => isBetween(value, 0, 1)],
  ["guidance", "guidance", (value) => isBetween(value, 1, Number($("guidance").max))],
  ["keep", "keep", (value) => [...$("keep").options].some((option) => option.value === value)],
];

/**
 * Fills the form, chooses the view and the class, and loads the drawing.
 * @param {boolean} slow whether the engine is one that takes seconds for an image
 * @returns {Promise<string>} what of the link cannot be used, or nothing
 */
export async function openLink(slow) {
  if (!state.loaded) throw new Error("Nothing is loaded yet.");
  const { card, model, wasmModule } = state.loaded;
  const unusable = withoutUnusable();
  const form = controls.open(
    card,
    wasmModule.sampler_parameters(),
    link,
    { slow, few: fewStepUrl !== undefined },
    model,
  );
  unusable.push(...form.unusable);
  if (link.get("view") === "denoised") setView("denoised");
  const noClass = await openClasses(card);
  const noDrawing = await openDrawing(unusable).catch((error) => {
    if (isTrap(error)) throw error;
    return error.message;
  });
  const words = notUsed(unusable);
  controls.hasSettings = true;
  return [noClass, noDrawing, words, form.trouble].filter(Boolean).join(" ");
}

/** Says that values gave way to defaults. @param {string[]} labels of their fields @returns {string} nothing without any */
function notUsed(labels) {
  if (!labels.length) return "";
  const named = `“${labels.join("”, “")}”`;
  return labels.length === 1
    ? `The value of ${named} in this link cannot be used, so the default is used instead.`
    : `The values of ${named} in this link cannot be used, so the defaults are used instead.`;
}

/** Takes out of the link what cannot be used. @returns {string[]} the labels of that */
function withoutUnusable() {
  const labels = [];
  for (const [parameter, id, holds] of VALUES) {
    const value = link.get(parameter);
    if (value === null || holds(value)) continue;
    link.delete(parameter);
    labels.push(labelOf(id));
  }
  return labels;
}

/**
 * Offers the classes of the model, if it has any.
 * @param {import("../types.js").Card} card
 * @returns {Promise<string | undefined>} what is wrong with the class that the link asks for, if anything
 */
async function openClasses({ classes }) {
  if (!classes?.length) return undefined;
  const { classChips } = await import("../settings/class-chips.js");
  state.classes = await classChips(classes, link, renewAsBefore);
  return state.classes.trouble;
}

/** Loads the drawing of the link, if it has one. @param {string[]} unusable gets the label of what this model cannot use */
async function openDrawing(unusable) {
  if (link.has("strength")) $("strength").value = String(numberFrom(link.get("strength") ?? ""));
  const text = location.hash.slice(1);
  if (!text || namesPlace()) return;
  if (!(await setOrigin("drawing"))) return;
  const kept = [...$("keep").options].find(({ value }) => value === (link.get("keep") ?? ""));
  if (kept?.disabled) unusable.push(labelOf("keep"));
  else if (kept) kept.selected = true;
  await state.sketch?.load(text);
  // Without settings, it comes from another model's page.
  suitSettings(link.has("sampler"));
}
