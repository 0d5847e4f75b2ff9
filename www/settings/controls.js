// @ts-check
/** The form, and the settings that it holds. */
import { Accepted } from "./accepted.js";
import { $ } from "../dom/dom.js";
import { FIELDS, TYPED, fault, labelOf, mark, numberIn } from "./fields.js";
import { countOf, formatSetting } from "../dom/format.js";
import { offerPresets } from "./presets.js";
import { randomSeed } from "./seed.js";
import { settingsFor } from "./suited.js";

/** @typedef {import("../types.js").SamplerSettings} SamplerSettings */
/**
 * `to` is the seed that images lead to, and `interval` the smallest and the largest σ to guide at.
 * @typedef {{ settings: SamplerSettings, seed: bigint, to?: bigint, chains: number, interval?: [number, number] }} Choice
 */

const DEFAULT_SEED = "1";
/** As many as an engine makes in a time that is pleasant to watch: on a GPU, and on a CPU or a GPU in software. */
const DEFAULT_CHAINS = { fast: "36", slow: "9" };
/** How many follow a drawing. */
const DRAWN_CHAINS = "9";
/** What a link says instead of a ticked or an empty box. @type {Record<string, boolean>} */
const TICKS = { 1: true, true: true, 0: false, false: false };
/** The fields that only models with classes have. */
const GUIDED = ["guide-min", "guide-max"];
/** The largest number that the wasm module takes: no upper bound. */
const LARGEST = 3.4e38;

export class Controls {
  /** @type {SamplerSettings | null} */ #recommended = null;
  /** @type {Record<string, SamplerSettings>} by the ids of their inputs */ #presets = {};
  /** @type {(sampler: import("../types.js").SamplerName) => SamplerSettings} what a sampler begins with */
  #suited = () => /** @type {SamplerSettings} */ (this.#recommended);
  /** @type {import("../types.js").SamplerName} */ #sampler = "langevin";
  /** @type {{ preset: string, chains: string } | null} the settings from before the drawing */
  #usual = null;
  #defaultChains = "";
  #parameters = /** @type {import("../types.js").SamplerParameters} */ ({});
  #accepted = new Accepted();
  /** Whether all that the link asks for is on the page, so that another link can be made of it. */
  hasSettings = false;

  /** @param {{ onChange(): void }} observer notified whenever a setting has changed */
  constructor({ onChange }) {
    $("controls").addEventListener("submit", (/** @type {Event} */ event) =>
      event.preventDefault(),
    );
    $("settings").addEventListener("change", (/** @type {Event} */ event) => {
      const { id } = /** @type {HTMLElement} */ (event.target);
      if (id === "speed" || id === "engine" || id === "precision") return;
      if (this.#presets[id]) this.#fill(this.#presets[id]);
      else if (id === "sampler") this.#changeSampler();
      this.#markPreset();
      onChange();
    });
    $("dice").addEventListener("click", () => {
      this.newSeed();
      onChange();
    });
  }

  /**
   * Fills the form with what the model recommends, then with what the link contains.
   * @param {import("../types.js").Card} card @param {import("../types.js").SamplerParameters} parameters
   * @param {URLSearchParams} link
   * @param {{ slow: boolean, few: boolean }} page whether its engine is slow, and whether it has weights for few steps
   * @param {import("../engine/engine.js").Model} model of this card
   * @returns {{ unusable: string[], trouble: string }} the labels of what cannot be used of the link, and what else is
   *   wrong with it, if anything
   */
  open(card, parameters, link, { slow, few }, model) {
    this.#parameters = parameters;
    this.#recommended = card.sampler;
    this.#presets = offerPresets(card, (settings) => model.schedule(settings).length);
    this.#suited = (sampler) => settingsFor(sampler, card, model);
    $("seed").value = DEFAULT_SEED;
    this.#defaultChains = slow ? DEFAULT_CHAINS.slow : DEFAULT_CHAINS.fast;
    $("chains").value = this.#defaultChains;
    for (const id of GUIDED) {
      $(id).disabled = !card.classes?.length;
      $(id).closest(".row").hidden = $(id).disabled;
    }
    this.#fill(card.sampler);
    const unusable = [];
    for (const [parameter, id] of FIELDS) {
      const value = link.get(parameter);
      if (value === null) continue;
      const field = $(id);
      if (id === "denoise") {
        if (Object.hasOwn(TICKS, value)) field.checked = TICKS[value];
        else if (!field.disabled) unusable.push(labelOf(id));
        continue;
      }
      const before = field.value;
      field.value = value;
      // A list has no option chosen after it was given a value that it does not have, an empty one included.
      if (TYPED.includes(id) ? fault(id) : field.selectedIndex < 0) {
        field.value = before;
        if (!field.disabled) unusable.push(labelOf(id));
      }
      // What the link leaves out gets the values that it would have if a visitor had chosen this sampler.
      else if (id === "sampler") this.#changeSampler();
    }
    this.#markPreset();
    let trouble = "";
    try {
      // It throws if settings are impossible.
      model.schedule(this.read().settings);
    } catch (error) {
      this.#fill(card.sampler);
      for (const id of GUIDED) $(id).value = "";
      this.#markPreset();
      const reason = /** @type {Error} */ (error).message.replace(/\.$/, "");
      trouble = `This link’s settings are impossible (${reason}): the model’s own took their place.`;
    }
    trouble = this.#offerFewSteps(few, card) || trouble;
    this.accept();
    return { unusable, trouble };
  }

  /**
   * Offers the sampler for one to four steps only where there are weights for it: with others, its images are poor.
   * @param {boolean} few whether there are such weights beside the model @param {import("../types.js").Card} card
   * @returns {string} what to say if the link has chosen it all the same
   */
  #offerFewSteps(few, { sampler }) {
    const tuned = few || sampler.sampler === "consistency";
    const chosen = this.#sampler === "consistency";
    const option = $("sampler").querySelector("[value=consistency]");
    // Safari shows hidden options, but none that is disabled can be chosen.
    option.hidden = option.disabled = !tuned && !chosen;
    return chosen && !tuned
      ? "This link asks for the sampler “consistency”, which this model is not tuned for: its images are poor."
      : "";
  }

  /**
   * Suits the settings to images that follow a drawing: few steps, few images. What the visitor has chosen stays
   * as it is.
   * @param {SamplerSettings} settings
   * @param {number} steps of these
   * @param {boolean} linked whether a link has filled the form already: then they are only offered
   */
  useLiveSettings(settings, steps, linked) {
    const chosen = linked ? "recommended" : Object.keys(this.#presets).find((id) => $(id).checked);
    if (!chosen) return;
    this.#usual ??= {
      preset: chosen,
      chains: linked ? this.#defaultChains : $("chains").value,
    };
    this.#presets.live = settings;
    $("live-label").hidden = false;
    $("live-hint").textContent = `${countOf(steps, "step")} from a drawing`;
    if (!linked) {
      this.#fill(settings);
      if ($("chains").value === this.#defaultChains) $("chains").value = DRAWN_CHAINS;
    }
    this.#markPreset();
  }

  /** Whether the settings are those for images that follow a drawing. */
  get usesLiveSettings() {
    return this.#usual !== null && $("live").checked;
  }

  /** Goes back to the settings from before the drawing. */
  restoreSettings() {
    if (!this.#usual) return;
    const { preset, chains } = this.#usual;
    if ($("live").checked) this.#fill(this.#presets[preset]);
    if ($("chains").value === DRAWN_CHAINS) $("chains").value = chains;
    this.#usual = null;
    delete this.#presets.live;
    $("live-label").hidden = true;
    $("live").checked = false;
    this.#markPreset();
  }

  /** Chooses a seed at random. */
  newSeed() {
    $("seed").value = String(randomSeed());
  }

  /** Whether a sampler has a setting. @param {keyof import("../types.js").SamplerParameters["applies_to"]} setting @param {import("../types.js").SamplerName} sampler */
  applies(setting, sampler) {
    return this.#parameters.applies_to[setting].includes(sampler);
  }

  /** What suits other models, too, unless it is the default. @returns {Record<"seed" | "chains", string | null>} */
  get carried() {
    const { seed = DEFAULT_SEED, chains = this.#defaultChains } = this.#accepted.values;
    // The number of images that follow a drawing is not the visitor's choice.
    const chosen = this.#usual && chains === DRAWN_CHAINS ? this.#usual.chains : chains;
    return {
      seed: seed === DEFAULT_SEED ? null : seed,
      chains: chosen === this.#defaultChains ? null : chosen,
    };
  }

  /** @returns {"watch" | "full"} */
  get speed() {
    return $("speed").value;
  }

  /**
   * @returns {Choice}
   * @throws {RangeError} naming the field without a usable number; the sampler itself checks the rest
   */
  read() {
    const applies = (/** @type {string} */ id) => !$(id).disabled;
    // Fields that do not apply cannot be wrong.
    const wrong = TYPED.filter((id) => applies(id) && fault(id));
    for (const id of TYPED) mark(id, wrong.includes(id));
    if (wrong.length) throw new RangeError(wrong.map(fault).join(" "));
    const { defaults } = this.#parameters;
    const recommended = /** @type {SamplerSettings} */ (this.#recommended);
    const number = (/** @type {string} */ id, /** @type {number} */ otherwise = 0) =>
      applies(id) ? numberIn(id) : otherwise;
    /** @type {SamplerSettings} */
    const settings = {
      sampler: $("sampler").value,
      levels: number("levels"),
      steps_each: number("steps-each", recommended.steps_each ?? 1),
      step_lr: number("step-lr", recommended.step_lr ?? 1e-5),
      denoise: $("denoise").checked,
      sigma_max: number("sigma-max"),
      sigma_min: number("sigma-min"),
      snr: number("snr", defaults.snr),
      rho: number("rho", defaults.rho),
    };
    const amount = number("churn");
    if (amount > 0) settings.churn = { ...(recommended.churn ?? defaults.churn), amount };
    const seedIn = (/** @type {string} */ id) => BigInt($(id).value.trim());
    const to = $("to").value.trim() ? seedIn("to") : undefined;
    const interval = this.#interval();
    return { settings, seed: seedIn("seed"), to, chains: number("chains"), interval };
  }

  /**
   * The smallest and the largest σ to guide at; nothing for all σ.
   * @returns {[number, number] | undefined}
   * @throws {RangeError} if no σ lies between these
   */
  #interval() {
    const [least, most] = GUIDED.map((id) => ($(id).disabled ? NaN : numberIn(id)));
    if (Number.isNaN(least) && Number.isNaN(most)) return undefined;
    if (least > most)
      throw new RangeError(`“${labelOf("guide-min")}” must be at most “${labelOf("guide-max")}”.`);
    return [least || 0, Math.min(most || LARGEST, LARGEST)];
  }

  /** Notes that images are made with what the form holds from now on: links and files are named after that. */
  accept() {
    this.#accepted.note();
  }

  /**
   * A link to the current state of the page.
   * @param {{ drawing: string, [parameter: string]: string | null | undefined }} more
   */
  link(more) {
    return this.#accepted.link({ speed: this.speed, ...more });
  }

  /** Switches to another sampler, with what suits it. */
  #changeSampler() {
    this.#fill(this.#suited($("sampler").value));
  }

  /** What fields hold for these settings. @param {SamplerSettings} settings @returns {Record<string, string>} by id */
  #texts({ sampler, levels, steps_each, step_lr, sigma_max, sigma_min, snr, rho, churn }) {
    const { defaults } = this.#parameters;
    return {
      sampler,
      levels: String(levels),
      "steps-each": String(steps_each),
      "step-lr": formatSetting(step_lr),
      "sigma-max": formatSetting(sigma_max),
      "sigma-min": formatSetting(sigma_min),
      snr: formatSetting(snr ?? defaults.snr),
      rho: formatSetting(rho ?? defaults.rho),
      churn: churn ? formatSetting(churn.amount) : "0",
    };
  }

  /** Fills the form with settings. @param {SamplerSettings} settings */
  #fill(settings) {
    for (const [id, text] of Object.entries(this.#texts(settings))) $(id).value = text;
    $("denoise").checked = settings.denoise;
    this.#sampler = settings.sampler;
    this.#applicable();
  }

  /** Marks the preset that the form holds, if it holds one. */
  #markPreset() {
    for (const [id, settings] of Object.entries(this.#presets)) {
      const same = Object.entries(this.#texts(settings)).every(
        ([id, text]) => $(id).value === text || $(id).disabled,
      );
      $(id).checked = same && ($("denoise").disabled || $("denoise").checked === settings.denoise);
    }
  }

  /** Shows only what the sampler has. */
  #applicable() {
    const { value: sampler, selectedOptions } = $("sampler");
    for (const [setting, samplers] of Object.entries(this.#parameters.applies_to)) {
      const field = $(setting.replace("_", "-"));
      field.disabled = !samplers.includes(sampler);
      field.closest(".row").hidden = field.disabled;
      mark(field.id, false);
    }
    $("sampler-hint").textContent = selectedOptions[0].dataset.hint;
  }
}
