// @ts-check
/**
 * Which class the images show, for models that have classes. The page fetches this for those.
 */
import { $ } from "../dom/dom.js";
import { numberFrom } from "./fields.js";

/** With more classes, only some are shown, and there is a field to search the others. */
const MANY = 30;
/** Instead of the name of a class: classes as often as in training, and one class for each image, in order. */
const ANY = "";
const EACH = "*";
/** The name of a folder that begins with a number, for its place among the others. */
const NUMBERED = /^(\d+)[-_ ](.*\D.*)$/;

/** @typedef {import("../types.js").Class} Class */
/** @typedef {{ name: string, label: string }} ClassName its name in the model, and what visitors read */

export class ClassChips {
  #classes;
  #chosen = ANY;
  /** Whether classes are named after numbered folders. */
  #numbered;
  /** What is wrong with the link, if anything. @type {string | undefined} */ trouble;

  /**
   * @param {Class[]} classes of the model
   * @param {URLSearchParams} link may ask for one, by name, and for a guidance that is possible
   * @param {() => void} onChange called when the visitor has chosen
   */
  constructor(classes, link, onChange) {
    this.#classes = classes;
    this.#numbered = classes.every(({ name }) => NUMBERED.test(name));
    const guidance = link.get("guidance");
    if (guidance !== null) $("guidance").value = String(numberFrom(guidance));
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
    return this.#classes.findIndex((other) => other.name === name);
  }

  /** What visitors read: “一 001” for “001-一”, since the number only says where it is in a list. @param {string} name */
  #label(name) {
    return this.#numbered ? name.replace(NUMBERED, "$2 $1") : name;
  }

  /** What an engine is asked for. @returns {import("../types.js").ClassChoice} */
  get choice() {
    const classes =
      this.#chosen === EACH
        ? this.#classes.map((_, number) => number)
        : this.#chosen === ANY
          ? []
          : [this.#number(this.#chosen)];
    return { classes, guidance: Number($("guidance").value) };
  }

  /** What links carry: the class and the guidance. */
  get linked() {
    return { class: this.#chosen, guidance: $("guidance").value };
  }

  /** The class that all images are to show, if it is one. @returns {ClassName | undefined} */
  get chosen() {
    const name = this.#chosen;
    return this.#number(name) < 0 ? undefined : { name, label: this.#label(name) };
  }

  /** Shows a chip for each class that is searched for, the most frequent first. */
  #offer() {
    const search = $("class-search").value.trim().toLowerCase();
    const found = this.#classes
      .filter(({ name }) => `${name} ${this.#label(name)}`.toLowerCase().includes(search))
      .map(({ name }) => name);
    const many = this.#classes.length > MANY;
    const byCount = new Map(this.#classes.map(({ name, images }) => [name, images]));
    if (many) found.sort((a, b) => (byCount.get(b) ?? 0) - (byCount.get(a) ?? 0));
    const shown = found.slice(0, MANY);
    if (this.#number(this.#chosen) >= 0 && !shown.includes(this.#chosen))
      shown.unshift(this.#chosen);
    $("chips").replaceChildren(
      chip(ANY, "any", this.#chosen),
      chip(EACH, "each in turn", this.#chosen),
      ...shown.map((name) => chip(name, this.#label(name), this.#chosen)),
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
