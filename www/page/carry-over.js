// @ts-check
/** What a visitor takes along from one model to another: what suits every model. */
import { controls, linked } from "./page.js";
import { link } from "../state/state.js";

/** Adds it to a link to another model. @param {URL} url */
export function carryOver(url) {
  // Before there are settings, as when an engine has failed, the page only knows its own link.
  /** @type {Record<string, string | null>} */
  const carried = controls.hasSettings
    ? { ...controls.carried, engine: linked().engine, precision: linked().precision }
    : Object.fromEntries(link);
  for (const parameter of ["seed", "chains", "engine", "precision"])
    if (carried[parameter]) url.searchParams.set(parameter, carried[parameter]);
  const auto = link.get("autostart");
  if (auto) url.searchParams.set("autostart", auto);
}
