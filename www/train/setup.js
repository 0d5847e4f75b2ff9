// @ts-check
/** The second part of the panel: what a run starts from and how it trains. */
import { element } from "../dom/dom.js";
import { numberFrom } from "../settings/fields.js";
import { paperOf } from "../sketch/paper.js";
import { FEW } from "./augment.js";

/** The widths of a small network, which learns several times as fast and less well. */
const SMALL = [16, 32];
/**
 * What suits each way to start. The form shows it before the wasm module that trains is fetched, which is when a run
 * begins, so it cannot come from there; the learning rate of a new network is the program's (`Recipe::LEARNING_RATE`
 * in Rust), which a test compares. What the form does not ask for is in `Recipe::on_page`.
 */
const DEFAULTS = {
  model: { steps: 600, rate: "5e-4" },
  scratch: { steps: 3000, rate: "2e-3" },
};
const BATCH = 16;
/** On an adapter in software, where the time of a step grows with its images. */
const SOFTWARE_BATCH = 8;

/** @typedef {import("../types.js").ImageShape} ImageShape */
/** @typedef {import("../types.js").TrainingPlan} TrainingPlan */

export class Setup {
  root = element("section", "", { className: "train-setup" });
  #card;
  #onChange;
  /** Whether a visitor has chosen the start, which the page then leaves alone. */
  #chosen = false;
  /** @type {HTMLInputElement} */ #fromModel;
  /** @type {HTMLInputElement} */ #fromScratch;
  #name;
  #size;
  #color;
  #network;
  #software = element(
    "p",
    "This browser has no GPU to use and computes in software, which takes long. So a new network is a small one unless you choose another; after the first steps you see how long the rest takes.",
    { className: "hint", id: "train-software", hidden: true },
  );
  #flip = element("input", "", { type: "checkbox", id: "train-flip", autocomplete: "off" });
  #steps = number("train-steps", { min: 1, max: 1_000_000, step: 1 });
  #rate = element("input", "", { id: "train-rate", inputMode: "decimal", autocomplete: "off" });
  #batch = number("train-batch", { min: 1, max: 256, step: 1 });
  /** @type {HTMLElement[]} rows that only a new network has */ #newOnly;

  /**
   * @param {{ label: string, card: import("../types.js").Card }} model the page's
   * @param {string} name that the new model gets unless the visitor gives it another
   * @param {() => void} onChange
   */
  constructor({ label, card }, name, onChange) {
    this.#card = card;
    this.#onChange = onChange;
    const lack = whyNot(card);
    const start = element("fieldset", "", { className: "presets" });
    const choice = (
      /** @type {string} */ id,
      /** @type {string} */ text,
      /** @type {string} */ why,
    ) => {
      const row = element("label");
      const radio = element("input", "", {
        type: "radio",
        name: "train-from",
        id,
        autocomplete: "off",
      });
      const words = element("span", text);
      words.append(" ", element("small", why));
      row.append(radio, words);
      start.append(row);
      radio.addEventListener("change", () => {
        this.#chosen = true;
        this.#suit();
      });
      return radio;
    };
    start.append(element("legend", "Start from"));
    this.#fromModel = choice(
      "train-from-model",
      label,
      lack ?? "the page’s model, which learns something else: sooner, and with fewer images",
    );
    this.#fromModel.disabled = lack !== null;
    this.#fromScratch = choice(
      "train-from-scratch",
      "nothing",
      "a new network, which takes longer and needs more images",
    );
    (lack ? this.#fromScratch : this.#fromModel).checked = true;

    this.#name = element("input", "", {
      id: "train-name",
      value: name,
      maxLength: 60,
      required: true,
      autocomplete: "off",
      spellcheck: false,
    });
    this.#size = select("train-size", [
      ["28", "28 × 28"],
      ["32", "32 × 32"],
    ]);
    this.#size.value = "32";
    this.#color = select("train-color", [
      ["3", "color"],
      ["1", "gray"],
    ]);
    this.#network = select("train-network", [
      ["", "usual"],
      ["small", "small"],
    ]);
    this.#newOnly = [
      row("Size", this.#size),
      row("Colors", this.#color),
      row("Network", this.#network),
    ];
    const flip = element("div", "", { className: "row wide check" });
    const flipLabel = element("label", "Mirror images at random: not for letters and digits");
    flipLabel.htmlFor = "train-flip";
    flip.append(this.#flip, flipLabel);
    const rows = element("div", "", { className: "rows" });
    const named = row("Name", this.#name);
    named.classList.add("wide");
    rows.append(named, ...this.#newOnly, flip);
    const more = element("details", "", { className: "panel", id: "train-advanced" });
    const inner = element("div", "", { className: "rows" });
    inner.append(
      row("Steps", this.#steps),
      row("Images a step", this.#batch),
      row("Learning rate", this.#rate),
    );
    more.append(element("summary", "Advanced"), inner);
    this.root.append(element("h3", "Training"), this.#software, start, rows, more);
    for (const field of [this.#size, this.#color]) field.addEventListener("change", onChange);
    this.setSoftware(false);
    this.#suit();
  }

  /** Whether the run starts from the page's model. */
  get fromModel() {
    return this.#fromModel.checked;
  }

  /** @returns {ImageShape} */
  get shape() {
    if (this.fromModel) return this.#card.image_shape;
    const side = Number(this.#size.value);
    return { channels: Number(this.#color.value), height: side, width: side };
  }

  /** The color behind what is transparent. */
  get paper() {
    return this.fromModel ? paperOf(this.#card) : "#ffffff";
  }

  /** Suits an adapter in software, or none. @param {boolean} software */
  setSoftware(software) {
    this.#batch.value = String(software ? SOFTWARE_BATCH : BATCH);
    this.#network.value = software ? "small" : "";
    this.#software.hidden = !software;
  }

  /** Chooses a new network in color where the page's model knows only gray, until the visitor chooses. @param {boolean} colored */
  suitImages(colored) {
    if (this.#chosen || !this.fromModel || !colored || this.#card.image_shape.channels > 1) return;
    this.#fromScratch.checked = true;
    this.#suit();
  }

  /** Chooses a new and small network. */
  chooseSmall() {
    this.#chosen = true;
    this.#fromScratch.checked = true;
    this.#network.value = "small";
    this.#suit();
  }

  /**
   * What the form says, for so many images.
   * @param {number} originals @returns {TrainingPlan}
   * @throws {Error} that says what is wrong
   */
  plan(originals) {
    const name = this.#name.value.trim();
    const [steps, batch, learningRate] = [this.#steps, this.#batch, this.#rate].map(({ value }) =>
      numberFrom(value),
    );
    if (!name) throw new Error("Give the model a name.");
    if (!(Number.isInteger(steps) && steps >= 1)) throw new Error("Steps must be 1 or more.");
    if (!(Number.isInteger(batch) && batch >= 1 && batch <= 256))
      throw new Error("Images a step must be between 1 and 256.");
    if (!(learningRate > 0 && learningRate <= 0.1))
      throw new Error("The learning rate must be above 0, and no more than 0.1.");
    return {
      imageShape: this.shape,
      name,
      steps,
      batch,
      learningRate,
      seed: 1,
      flip: this.#flip.checked,
      widths: this.#network.value === "small" ? SMALL : [],
      originals,
      sigmas: this.fromModel ? this.#card.training?.sigmas : undefined,
    };
  }

  #suit() {
    const { steps, rate } = DEFAULTS[this.fromModel ? "model" : "scratch"];
    this.#steps.value = String(steps);
    this.#rate.value = rate;
    for (const field of this.#newOnly) field.hidden = this.fromModel;
    this.#onChange();
  }
}

/** What is said about the number of images. @param {number} count */
export function advice(count) {
  if (!count) return "Choose some images first.";
  if (count < FEW)
    return `${count === 1 ? "One image is" : `${count} images are`} very few: they are also shown shifted and scaled a little, and the network may still learn them by heart. You will see.`;
  return "";
}

/**
 * Why a run cannot start from the page's model, if so. A model for one to four evaluations is a start like any other: the
 * run trains its network by score matching, and the card of the result says so.
 * @param {import("../types.js").Card} card
 */
function whyNot({ architecture }) {
  return architecture.kind === "unet"
    ? null
    : "only the program (“ncsn train”) trains this kind of network";
}

/** @param {string} text @param {any} field */
function row(text, field) {
  const row = element("div", "", { className: "row" });
  const label = element("label", text, { htmlFor: field.id });
  const box = element("span", "", { className: "field" });
  box.append(field);
  row.append(label, box);
  return row;
}

/** @param {string} id @param {[string, string][]} options */
function select(id, options) {
  const list = element("select", "", { id, autocomplete: "off" });
  list.append(...options.map(([value, text]) => element("option", text, { value })));
  return list;
}

/** @param {string} id @param {object} limits */
function number(id, limits) {
  return element("input", "", { type: "number", id, autocomplete: "off", ...limits });
}
