// @ts-check
/** An element's attributes as options. */
import { absolute } from "./address.js";
import { classNumber } from "./classes.js";

/** @typedef {import("./types.js").Card} Card */

/** The attributes that decide where a model and its program come from, each with a property of the same name. */
export const SOURCES = ["model", "hub", "wasm"];
/** These, and those that decide what images there are. */
const PROPERTIES = [...SOURCES, "count", "steps", "classes", "seed", "sampler", "guidance"];
/** All whose changes matter. */
export const ATTRIBUTES = [...PROPERTIES, "class", "autoplay", "aria-label"];

/**
 * Sets again what a page has set before elements were defined: such properties hide those of the class.
 * @param {any} element
 */
export function setEarlyProperties(element) {
  for (const name of [...PROPERTIES, "autoplay", "controls"]) {
    if (!Object.hasOwn(element, name)) continue;
    const value = element[name];
    delete element[name];
    element[name] = value;
  }
}

/** Where the model is: absolute, or a name on a hub. @param {HTMLElement} element */
export function addressOf(element) {
  const address = element.getAttribute("model") ?? "";
  try {
    return absolute(address);
  } catch {
    return address;
  }
}

/** @param {string} list with commas */
const listed = (list) => list.split(",").map((name) => name.trim());

/**
 * The classes that the attribute `class` asks for. It also is HTML's own, for style sheets, so it asks for some only if all
 * of it names classes of the model.
 * @param {string | null} value @param {Card} card
 */
export function classesIn(value, card) {
  const names = listed(value ?? "");
  return names.every((name) => classNumber(name, card) !== undefined) ? names : undefined;
}

/**
 * @param {HTMLElement} element @param {Card} card of its model
 * @returns {import("./types.js").SampleOptions} numbers that are none are left for `sample` to refuse
 */
export function optionsOf(element, card) {
  const text = (/** @type {string} */ name) => element.getAttribute(name)?.trim() || undefined;
  const number = (/** @type {string} */ name) => {
    const value = text(name);
    return value === undefined ? undefined : Number(value);
  };
  const [seed, classes] = [text("seed"), text("classes")];
  return {
    count: number("count"),
    steps: number("steps"),
    guidance: number("guidance"),
    sampler: /** @type {import("./types.js").SamplerName | undefined} */ (text("sampler")),
    class: classes === undefined ? classesIn(element.getAttribute("class"), card) : listed(classes),
    seed: seed === undefined ? undefined : /^\d+$/.test(seed) ? BigInt(seed) : Number.NaN,
  };
}
