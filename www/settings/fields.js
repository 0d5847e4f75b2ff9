// @ts-check
/** The fields of the form: what they are called in links, what they may hold, and what is said if they do not. */
import { $ } from "../dom/dom.js";
import { MAX_SEED } from "./seed.js";

/**
 * Fields that a link carries: URL parameter, id of the input.
 * @type {[string, string][]}
 */
export const FIELDS = [
  ["seed", "seed"],
  ["to", "to"],
  ["chains", "chains"],
  ["sampler", "sampler"],
  ["levels", "levels"],
  ["steps_each", "steps-each"],
  ["step_lr", "step-lr"],
  ["denoise", "denoise"],
  ["snr", "snr"],
  ["rho", "rho"],
  ["churn", "churn"],
  ["sigma_max", "sigma-max"],
  ["sigma_min", "sigma-min"],
  ["guide_max", "guide-max"],
  ["guide_min", "guide-min"],
  ["speed", "speed"],
];

/** @typedef {{ holds(text: string): boolean, words(id: string): string }} Rule */

/** @type {Rule} */
const WHOLE = {
  holds: (text) => /^\d+$/.test(text) && Number(text) >= 1,
  words: (id) => `a whole number from 1 to ${$(id).max}`,
};
/** @type {Rule} */
const POSITIVE = {
  holds: (text) => numberFrom(text) > 0 && numberFrom(text) < Infinity,
  words: () => "a number above 0",
};

/** The bound of an interval that may be open. @type {Rule} */
const BOUND = {
  holds: (text) => text === "" || POSITIVE.holds(text),
  words: () => "empty, or a number above 0",
};

/** @param {string} text */
const isSeed = (text) => /^\d{1,20}$/.test(text) && BigInt(text) <= MAX_SEED;

/** @type {Record<string, Rule>} what may be typed into which field */
const RULES = {
  seed: {
    holds: isSeed,
    words: () => "a whole number from 0 to 2⁶⁴ − 1",
  },
  to: {
    holds: (text) => text === "" || isSeed(text),
    words: () => "empty, or a whole number from 0 to 2⁶⁴ − 1",
  },
  chains: WHOLE,
  levels: WHOLE,
  "steps-each": WHOLE,
  "sigma-max": POSITIVE,
  "sigma-min": POSITIVE,
  "step-lr": POSITIVE,
  snr: POSITIVE,
  rho: POSITIVE,
  churn: {
    holds: (text) => numberFrom(text) >= 0 && numberFrom(text) < Infinity,
    words: () => "0 or more",
  },
  "guide-max": BOUND,
  "guide-min": BOUND,
};

/** The fields that may hold something wrong. */
export const TYPED = Object.keys(RULES);

/** The number that a visitor has typed. @param {string} text with either decimal mark; without a number it is NaN */
export const numberFrom = (text) =>
  text.trim() === "" ? NaN : Number(text.trim().replace(",", "."));

/** The number in a field. @param {string} id */
export const numberIn = (id) => numberFrom($(id).value);

/** What people call a field, or a group of buttons. @param {string} id */
export function labelOf(id) {
  const label =
    $(id).querySelector("legend") ?? document.querySelector(`label[for="${CSS.escape(id)}"]`);
  // Beside the words, the label of a slider has a reading.
  const words = label?.querySelector("span") ?? label;
  return words?.textContent?.trim() ?? id;
}

/** What is wrong with the contents of a field, or nothing. @param {string} id */
export function fault(id) {
  const text = $(id).value.trim();
  const { holds, words } = RULES[id];
  const good = holds(text) && !(Number(text) > ($(id).max || Infinity));
  return good ? "" : `${labelOf(id)} must be ${words(id)}.`;
}

/** Marks a field as wrong or right, for eyes and for screen readers. @param {string} id @param {boolean} wrong */
export function mark(id, wrong) {
  $(id).setAttribute("aria-invalid", String(wrong));
  // Not every screen reader knows the first.
  for (const name of ["aria-errormessage", "aria-describedby"])
    if (wrong) $(id).setAttribute(name, "problem");
    else $(id).removeAttribute(name);
  // A panel that hides a wrong field is opened.
  if (wrong) for (const panel of panelsOf($(id))) panel.open = true;
}

/** The panels that an element is in. @param {HTMLElement} element @returns {HTMLDetailsElement[]} */
const panelsOf = (element) => {
  const panel = element.parentElement?.closest("details");
  return panel ? [panel, ...panelsOf(panel)] : [];
};
