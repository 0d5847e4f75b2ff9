// @ts-check
/**
 * Which class the images show, for models that have classes. The page fetches this for those.
 */
import { $ } from "./dom.js";

/** With more classes, only some are shown, and there is a field to search the others. */
const MANY = 30;
/** Instead of the name of a class: whatever comes, and one after the other. */
const ANY = "";
const EACH = "*";

/** @typedef {import("./types.js").Class} Class */

export class ClassChips {
  #classes;
  #chosen = ANY;
  /** What is wrong with the link, if anything. @type {string | undefined} */ trouble;

  /**
   * @param {Class[]} classes of the model
   * @param {URLSearchParams} link may ask for one, by name, and for guidance
   * @param {() => void} onChange called when somebody has chosen
   */
  constructor(classes, link, onChange) {
    this.#classes = classes;
    const guidance = Number(link.get("guidance") ?? NaN);
    if (guidance >= 1 && guidance <= Number($("guidance").max)) $("guidance").value = guidance;
    const wanted = link.get("class") ?? ANY;
    const known = [ANY, EACH].includes(wanted) || this.#number(wanted) >= 0;
    if (known) this.#chosen = wanted;
    $("class-search").hidden = classes.length <= MANY;
    $("class-search").addEventListener("input", () => this.#offer());
    $("chips").addEventListener("change", (/** @type {any} */ event) => {
      this.#chosen = event.target.value;
      this.#say();
      onChange();
    });
    $("guidance").addEventListener("input", () => {
      this.#say();
      onChange();
    });
    this.#offer();
    this.#say();
    $("classes").hidden = false;
    if (!known)
      this.trouble = `This link asks for the class “${wanted}”, which the model does not have.`;
  }

  /** @param {string} name */
  #number(name) {
    return this.#classes.findIndex((of) => of.name === name);
  }

  /** What an engine is asked for. @returns {import("./types.js").ClassChoice} */
  get choice() {
    const classes =
      this.#chosen === EACH
        ? this.#classes.map((_, number) => number)
        : this.#chosen === ANY
          ? []
          : [this.#number(this.#chosen)];
    return { classes, guidance: Number($("guidance").value) };
  }

  /** What a link carries of it. */
  get linked() {
    return { class: this.#chosen, guidance: $("guidance").value };
  }

  /** The class for captions and file names, if there is one. */
  get name() {
    return this.#chosen === EACH ? "" : this.#chosen;
  }

  /** Shows a chip for each class that is searched for, the most frequent first. */
  #offer() {
    const search = $("class-search").value.trim().toLowerCase();
    const found = this.#classes
      .filter(({ name }) => name.toLowerCase().includes(search))
      .map(({ name }) => name);
    const many = this.#classes.length > MANY;
    const byCount = new Map(this.#classes.map(({ name, images }) => [name, images]));
    if (many) found.sort((a, b) => (byCount.get(b) ?? 0) - (byCount.get(a) ?? 0));
    const shown = found.slice(0, MANY);
    if (this.#number(this.#chosen) >= 0 && !shown.includes(this.#chosen))
      shown.unshift(this.#chosen);
    $("chips").replaceChildren(
      chip(ANY, "any", this.#chosen),
      ...(many ? [] : [chip(EACH, "each in turn", this.#chosen)]),
      ...shown.map((name) => chip(name, name, this.#chosen)),
    );
  }

  #say() {
    $("guidance-text").textContent = `w = ${Number($("guidance").value).toFixed(1)}`;
  }
}

/** @param {string} value @param {string} text @param {string} chosen */
function chip(value, text, chosen) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), {
    type: "radio",
    name: "class",
    value,
    checked: value === chosen,
  });
  const words = document.createElement("span");
  words.textContent = text;
  label.append(input, words);
  return label;
}
