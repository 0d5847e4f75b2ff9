// @ts-check
/** Classes, by number or name. */
import { NcsnError } from "./errors.js";

/**
 * The numbers of classes.
 * @param {import("./types.js").SampleOptions["class"]} chosen @param {import("./types.js").Card} card
 * @returns {number[] | undefined} undefined to draw them at random
 * @throws {NcsnError} naming what there is
 */
export function classNumbers(chosen, { name, classes = [] }) {
  if (chosen === undefined) return undefined;
  const all = Array.isArray(chosen) ? chosen : [chosen];
  if (!all.length) return undefined;
  if (!classes.length)
    throw new NcsnError("bad-option", `${name} has no classes, so it cannot be asked for one`);
  return all.map((wanted) => {
    // A name may look like a number, as those of digits do.
    const named = classes.findIndex((known) => known.name === String(wanted));
    const number = named >= 0 ? named : Number(wanted);
    if (!classes[number])
      throw new NcsnError(
        "bad-option",
        `${name} has no class “${wanted}”, but ${classes.map((known) => known.name).join(", ")}`,
      );
    return number;
  });
}
