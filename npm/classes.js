// @ts-check
/** Classes, by number or name. */
import { NcsnError } from "./errors.js";

/** @typedef {import("./types.js").Card} Card */

/**
 * The number of a class.
 * @param {import("./types.js").ClassName} wanted @param {Card} card
 * @returns {number | undefined} undefined if there is no such class
 */
export function classNumber(wanted, { classes = [] }) {
  // A name may look like a number, as those of digits do.
  const named = classes.findIndex(({ name }) => name === String(wanted));
  if (named >= 0) return named;
  const number = typeof wanted === "string" && /^\d+$/.test(wanted) ? Number(wanted) : wanted;
  return typeof number === "number" && classes[number] ? number : undefined;
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
  return all.map((wanted) => {
    const number = classNumber(wanted, card);
    if (number === undefined)
      throw new NcsnError(
        "bad-option",
        `${name} has no class “${wanted}”, but ${classes.map((known) => known.name).join(", ")}`,
      );
    return number;
  });
}
