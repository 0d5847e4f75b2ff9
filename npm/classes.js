// @ts-check
/** Classes, by number or name: the rule of `src/cli/classes.rs`, whose cases are in `tests/class_names.json`. */
import { NcsnError } from "./errors.js";

/** @typedef {import("./types.js").Card} Card */
/** @typedef {import("./types.js").ClassName} ClassName */

/** @param {string} text */
const isWhole = (text) => /^\d+$/.test(text);

/**
 * The number of the class with a name, or with a number; where all names are whole numbers, a number means the name.
 * @param {ClassName} wanted @param {Card} card
 * @returns {number | undefined} undefined if there is no such class
 */
export function classNumber(wanted, { classes = [] }) {
  const text = String(wanted);
  const place = (/** @type {(name: string) => boolean} */ is) => {
    const found = classes.findIndex(({ name }) => is(name));
    return found < 0 ? undefined : found;
  };
  const named = place((name) => name === text);
  if (named !== undefined || !isWhole(text)) return named;
  if (classes.every(({ name }) => isWhole(name)))
    return place((name) => BigInt(name) === BigInt(text));
  return classes[Number(text)] && Number(text);
}

/**
 * The number of the only class whose name has this part. A part without a letter may be meant as a number.
 * @param {ClassName} part @param {Card} card
 */
function classHaving(part, { classes = [] }) {
  if (typeof part !== "string" || !/\p{Alphabetic}/u.test(part)) return undefined;
  const [only, another] = classes.filter(({ name }) => name.includes(part));
  return another ? undefined : classes.indexOf(only);
}

/**
 * The numbers of classes.
 * @param {import("./types.js").SampleOptions["class"]} chosen @param {Card} card
 * @returns {number[] | undefined} undefined to draw them at random
 * @throws {NcsnError} naming what there is
 */
export function classNumbers(chosen, card) {
  if (chosen === undefined) return undefined;
  const all = Array.isArray(chosen) ? chosen : [chosen];
  if (!all.length) return undefined;
  const { name, classes } = card;
  if (!classes?.length)
    throw new NcsnError("bad-option", `${name} has no classes, so it cannot be asked for one`);
  // Of classes without training images, a model has the weights that it began with. Not every card counts them.
  const trained = classes.filter(({ images }) => images > 0);
  const known = trained.length ? trained : classes;
  return all.map((wanted) => {
    const number = classNumber(wanted, card) ?? classHaving(wanted, card);
    const found = number !== undefined && classes[number];
    if (found && known.includes(found)) return number;
    const missing = found
      ? `was trained on no image of class “${found.name}”, but of`
      : `has no class “${wanted}”, but`;
    const names = known.map((known) => known.name).join(", ");
    throw new NcsnError("bad-option", `${name} ${missing} ${names}`);
  });
}
