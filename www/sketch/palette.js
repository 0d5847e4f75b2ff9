// @ts-check
/** The colors to draw with, and the eraser. */
import { $ } from "../dom/dom.js";

const ERASER = "eraser";
/** @type {[string, string][]} color, name */
const GRAYS = [
  ["#ffffff", "white"],
  ["#808080", "gray"],
  ["#000000", "black"],
];
/** @type {[string, string][]} */
const COLORS = [
  ["#202124", "black"],
  ["#ffffff", "white"],
  ["#fcc21b", "yellow"],
  ["#f5811f", "orange"],
  ["#e23b30", "red"],
  ["#ef6da8", "pink"],
  ["#7c3fb5", "violet"],
  ["#2f7de1", "blue"],
  ["#52b944", "green"],
  ["#8a5a3c", "brown"],
];

/** Offers the colors and the eraser, and chooses the first color that shows on the paper. @param {number} channels of images @param {string} paper */
export function offerColors(channels, paper) {
  const eraser = colorChoice("color", ERASER, "Erase: the model fills in what you erase");
  $("palette").replaceChildren(...colorChoices("color", channels, paper), eraser);
}

/** @param {string} group of radio buttons @param {number} channels of images @param {string} paper the first other color is chosen */
export function colorChoices(group, channels, paper) {
  const palette = channels < 3 ? GRAYS : COLORS;
  const first = palette.find(([color]) => color !== paper)?.[0];
  return palette.map(([color, name]) => colorChoice(group, color, name, color === first));
}

/** @param {string} group @param {string} color @param {string} name @param {boolean} [checked] */
function colorChoice(group, color, name, checked = false) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: group, value: color, checked, title: name });
  input.setAttribute("aria-label", name);
  const swatch = document.createElement("span");
  if (color === ERASER) {
    swatch.className = "holes";
    swatch.textContent = "Erase";
    label.className = "eraser";
  } else swatch.style.background = color;
  label.append(input, swatch);
  return label;
}

/** The chosen color; null for the eraser. @returns {string | null} */
export function chosenColor() {
  const { value } = $("palette").querySelector(":checked");
  return value === ERASER ? null : value;
}
