// @ts-check
/**
 * The settings that the images on the screen were made with, as the form had them; before there are any, those that the
 * form was opened with. Links and the names of files are made of these, so that what cannot be used never reaches them.
 */
import { $ } from "../dom/dom.js";
import { FIELDS } from "./fields.js";

export class Accepted {
  /** By URL parameters; empty before the form is opened. @type {Record<string, string>} */
  values = {};

  /** Notes what the form holds. */
  note() {
    this.values = {};
    for (const [parameter, id] of FIELDS) {
      const field = $(id);
      if (!field.disabled)
        this.values[parameter] =
          id === "denoise" ? (field.checked ? "1" : "0") : field.value.trim();
    }
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
    for (const [parameter, value] of Object.entries({ ...this.values, ...more }))
      if (value) url.searchParams.set(parameter, value);
    return url.href;
  }
}
