// @ts-check
/**
 * Which class the images show, for models that have classes. The page fetches this for those.
 */
import { $, element } from "../dom/dom.js";
import { addStyleSheet } from "../dom/style-sheet.js";
import { numberFrom } from "./fields.js";

/** With more classes, only some are shown, and there is a field to search the others. */
const MANY = 30;
/** Instead of the name of a class. ANY: classes as often as in training. EACH: image i shows class i. */
const ANY = "";
const EACH = "*";
/** The name of a folder that begins with a number, for its place among the others. */
const NUMBERED = /^(\d+)[-_ ](.*\D.*)$/;

/** @typedef {import("../types.js").Class} Class */
/** @typedef {{ name: string, label: string }} ClassName its name in the model, and what visitors read */

/**
 * Offers the classes of a model.
 * @param {Class[]} classes @param {URLSearchParams} link @param {() => void} onChange as for `ClassChips`
 */
export async function classChips(classes, link, onChange) {
  const names = classes.map(({ name }) => name);
  const numbered = names.every((name) => NUMBERED.test(name));
  const [meanings] = await Promise.all([
    numbered
      ? import("./radicals.js").then(
          ({ meaningsOf }) => meaningsOf(names),
          () => undefined,
        )
      : undefined,
    addStyleSheet("settings/class-chips.css"),
  ]);
  return new ClassChips(classes, { numbered, meanings }, link, onChange);
}

export class ClassChips {
  #classes;
  #onChange;
  #chosen = ANY;
  /** Whether classes are named after numbered folders. */
  #numbered;
  /** What they mean in English, if their names are in another language. */
  #meanings;
  /** Those that are searched for and shown, the best first. @type {string[]} */ #found = [];
  /** What is wrong with the link, if anything. @type {string | undefined} */ trouble;

  /**
   * @param {Class[]} classes of the model
   * @param {{ numbered: boolean, meanings?: Map<string, string> }} names
   * @param {URLSearchParams} link may ask for one, by name, and for a guidance that is possible
   * @param {() => void} onChange called when the visitor has chosen
   */
  constructor(classes, { numbered, meanings }, link, onChange) {
    this.#classes = classes;
    this.#onChange = onChange;
    this.#numbered = numbered;
    this.#meanings = meanings;
    const guidance = link.get("guidance");
    if (guidance !== null) $("guidance").value = String(numberFrom(guidance));
    const wanted = link.get("class") ?? ANY;
    const known = [ANY, EACH].includes(wanted) || this.#number(wanted) >= 0;
    if (known) this.#chosen = wanted;
    $("class-search").hidden = $("class-hint").hidden = classes.length <= MANY;
    if (meanings) $("class-search").placeholder = "Search, such as “fish”";
    $("class-search").addEventListener("input", () => this.#offer());
    $("class-search").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      // While an input method composes a character, this key is its.
      if (event.key !== "Enter" || event.isComposing || !this.#search || !this.#found.length)
        return;
      this.#choose(this.#found[0]);
      this.#offer();
    });
    $("chips").addEventListener("change", (/** @type {any} */ event) =>
      this.#choose(event.target.value),
    );
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
  #choose(name) {
    this.#chosen = name;
    this.#say();
    this.#onChange();
  }

  /** What is searched for. */
  get #search() {
    return $("class-search").value.trim().toLowerCase();
  }

  /** @param {string} name */
  #number(name) {
    return this.#classes.findIndex((other) => other.name === name);
  }

  /**
   * What visitors read: “一 one” for “001-一”, or “一 001” where its meaning is not known, since the number only says where
   * it is in a list.
   * @param {string} name
   */
  #label(name) {
    const after = this.#meanings?.get(name) || "$1";
    return this.#numbered ? name.replace(NUMBERED, `$2 ${after}`) : name;
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

  /** Shows a chip for each class that is searched for: those that begin with that first, then the most frequent. */
  #offer() {
    const search = this.#search;
    const all = this.#classes.length;
    // As a word of its own, the beginning of one, or elsewhere.
    const rank = (/** @type {string} */ name) => {
      const words = ` ${this.#label(name)} `.toLowerCase();
      return [` ${search} `, ` ${search}`, ""].findIndex((part) => words.includes(part));
    };
    const found = this.#classes
      .filter(({ name }) => `${name} ${this.#label(name)}`.toLowerCase().includes(search))
      .map(({ name, images }) => ({ name, images, rank: search ? rank(name) : 0 }));
    if (all > MANY) found.sort((a, b) => a.rank - b.rank || b.images - a.images);
    const shown = found.slice(0, MANY).map(({ name }) => name);
    this.#found = shown;
    if (!search && this.#number(this.#chosen) >= 0 && !shown.includes(this.#chosen))
      shown.unshift(this.#chosen);
    const kanji = this.#meanings !== undefined;
    const chips = shown.map((name) => chip(name, this.#label(name), this.#chosen, kanji));
    if (!search)
      chips.unshift(chip(ANY, "any", this.#chosen), chip(EACH, "each in turn", this.#chosen));
    $("chips").replaceChildren(...chips);
    $("class-hint").textContent = !shown.length
      ? `None of the ${all} classes matches.`
      : search
        ? `${found.length} of ${all}. The enter key chooses the first.`
        : `${shown.length} of ${all}; search for others.`;
  }

  #say() {
    $("guidance-text").textContent = `w = ${Number($("guidance").value).toFixed(1)}`;
  }
}

/** @param {string} value @param {string} text @param {string} chosen @param {boolean} [kanji] whether the first word is one */
function chip(value, text, chosen, kanji = false) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), {
    type: "radio",
    name: "class",
    value,
    checked: value === chosen,
  });
  const words = element("span", kanji ? "" : text, { dir: "auto" });
  if (kanji) {
    const [first, ...rest] = text.split(" ");
    words.append(element("bdi", first, { lang: "ja" }), ` ${rest.join(" ")}`);
  }
  label.append(input, words);
  return label;
}
