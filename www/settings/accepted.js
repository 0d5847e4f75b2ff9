// @ts-check
/**
 * The settings that the images on the screen were made with, as the form had them. Links and the names of files are
 * made of these, so that what cannot be used never reaches them.
 */
import { $ } from "../dom/dom.js";
import { FIELDS } from "./fields.js";

export class Accepted {
  /** @type {Record<string, string> | null} by URL parameters */ #values = null;

  /** Notes that the images are now made with what the form holds. */
  note() {
    this.#values = {};
    for (const [parameter, id] of FIELDS) {
      const field = $(id);
      if (!field.disabled)
        this.#values[parameter] =
          id === "denoise" ? (field.checked ? "1" : "0") : field.value.trim();
    }
  }

  /** Whether images have been made, so that there are settings. */
  get exist() {
    return this.#values !== null;
  }

  /** By URL parameters; empty as long as there are none. @returns {Record<string, string>} */
  get values() {
    return this.#values ?? {};
  }

  /**
   * A link to the current state of the page.
   * @param {{ drawing: string, [parameter: string]: string | null | undefined }} more
   *   The drawing goes into the hash, which browsers do not send to servers.
   */
  link({ drawing, ...more }) {
    const url = new URL(location.href);
    url.hash = drawing;
    url.search = "";
    if (drawing) more.strength = $("strength").value;
    for (const [parameter, value] of Object.entries({ ...this.#values, ...more }))
      if (value) url.searchParams.set(parameter, value);
    return url.href;
  }
}
