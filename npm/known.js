// @ts-check
/** Options by their names: a misspelled one would silently have no effect. */
import { NcsnError } from "./errors.js";

/**
 * @template {object} Options
 * @param {Options | undefined} given @param {Record<keyof Options, true>} known @param {string} what one of them is
 * @throws {NcsnError} naming what there is
 */
export function ensureKnown(given, known, what) {
  const unknown = Object.keys(given ?? {}).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const names = Object.keys(known).join(", ");
  throw new NcsnError("bad-option", `no ${what} is called “${unknown}”; there are ${names}`);
}
