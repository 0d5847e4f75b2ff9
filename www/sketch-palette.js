// @ts-check
/** The colours to draw with, and the eraser. */
import { $ } from "./dom.js";

const ERASER = "eraser";
/** @type {[string, string][]} colour, name */
const GREYS = [
  ["#ffffff", "white"],
  ["#808080", "grey"],
  ["#000000", "black"],
];
/** @type {[string, string][]} */
const COLOURS = [
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

/** Offers them, and chooses the first that shows on the paper. @param {number} channels of images @param {string} paper */
export function offerColours(channels, paper) {
  const eraser = colourChoice("ink", ERASER, "eraser: what it takes off is made up");
  $("palette").replaceChildren(...colourChoices("ink", channels, paper), eraser);
}

/** @param {string} group of radio buttons @param {number} channels of images @param {string} paper the first other colour is chosen */
export function colourChoices(group, channels, paper) {
  const palette = channels < 3 ? GREYS : COLOURS;
  const first = palette.find(([colour]) => colour !== paper)?.[0];
  return palette.map(([colour, name]) => colourChoice(group, colour, name, colour === first));
}

/** @param {string} group @param {string} colour @param {string} name @param {boolean} [checked] */
function colourChoice(group, colour, name, checked = false) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: group, value: colour, checked, title: name });
  input.setAttribute("aria-label", name);
  const swatch = document.createElement("span");
  swatch.className = colour === ERASER ? "holes" : "";
  if (colour !== ERASER) swatch.style.background = colour;
  label.append(input, swatch);
  return label;
}

/** The colour that is chosen; null for the eraser. @returns {string | null} */
export function chosenColour() {
  const { value } = $("palette").querySelector(":checked");
  return value === ERASER ? null : value;
}
