// @ts-check
/** The form, the settings that it holds, and the link that carries them. */
import { $ } from "./dom.js";
import { formatSetting } from "./format.js";

/** @typedef {import("./engine.js").SamplerSettings} SamplerSettings */
/** @typedef {{ settings: SamplerSettings, seed: bigint, chains: number }} Choice */

const SEED_MAX = 2n ** 64n - 1n;
const DEFAULT_SEED = "1";
/** As many as an engine anneals in a time that is pleasant to watch. */
const DEFAULT_CHAINS = { fused: "36", reference: "36", cpu: "9" };
/** More steps gain little for samplers with one step per level, and less for Heun's method. */
const LEVELS_ONE_STEP = 100;
const LEVELS_HEUN = 20;
const LEVELS_CORRECTED = 50;
/** What `docs/quality.md` measured for exact Langevin with 200 evaluations: L, T and a = ε/σ_L². */
const EXACT = { levels: 39, steps: 5, a: 0.25 };

/**
 * Fields that a link carries: URL parameter, id of the input.
 * @type {[string, string][]}
 */
const FIELDS = [
  ["seed", "seed"],
  ["chains", "chains"],
  ["sampler", "sampler"],
  ["levels", "levels"],
  ["steps_each", "steps-each"],
  ["step_lr", "step-lr"],
  ["denoise", "denoise"],
  ["snr", "snr"],
  ["rho", "rho"],
  ["churn", "churn"],
  ["sigma_max", "sigma-max"],
  ["sigma_min", "sigma-min"],
  ["speed", "speed"],
];

/** The number in a field, with either decimal mark. @param {string} id */
const number = (id) => Number($(id).value.trim().replace(",", "."));

export class Controls {
  /** @type {SamplerSettings | null} */ #recommended = null;
  /** @type {SamplerSettings | undefined} */ #best;
  /** @type {[number, number] | undefined} */ #trained;
  /** @type {import("./engine.js").SamplerName} */ #sampler = "langevin";
  #parameters = /** @type {import("./engine.js").SamplerParameters} */ ({});

  /** @param {{ onChange(): void }} observer notified whenever a setting has changed */
  constructor({ onChange }) {
    $("controls").addEventListener("submit", (/** @type {Event} */ event) =>
      event.preventDefault(),
    );
    $("settings").addEventListener("change", (/** @type {Event} */ event) => {
      const { id } = /** @type {HTMLElement} */ (event.target);
      if (id === "speed" || id === "engine") return;
      if (id === "sampler") this.#changeSampler();
      onChange();
    });
    $("dice").addEventListener("click", () => {
      $("seed").value = String(crypto.getRandomValues(new Uint32Array(1))[0]);
      onChange();
    });
    $("recommended").addEventListener("click", () => {
      this.#fill(/** @type {SamplerSettings} */ (this.#recommended));
      onChange();
    });
    $("best").addEventListener("click", () => {
      this.#fill(/** @type {SamplerSettings} */ (this.#best));
      onChange();
    });
  }

  /**
   * Fills the form with what the model recommends, then with what the link contains.
   * @param {import("./engine.js").Card} card @param {import("./engine.js").SamplerParameters} parameters
   * @param {URLSearchParams} link @param {import("./engine.js").EngineName} engine
   */
  open(card, parameters, link, engine) {
    this.#parameters = parameters;
    this.#recommended = card.sampler;
    this.#best = card.best;
    this.#trained = card.training?.sigmas;
    // If there are both, the recommended settings are the faster ones.
    const two = card.best && JSON.stringify(card.best) !== JSON.stringify(card.sampler);
    $("best").hidden = !two;
    if (two) $("recommended").textContent = "Fast";
    $("seed").value = DEFAULT_SEED;
    $("chains").value = DEFAULT_CHAINS[engine];
    this.#fill(card.sampler);
    for (const [parameter, id] of FIELDS) {
      const value = link.get(parameter);
      if (value === null) continue;
      if (id === "denoise") $(id).checked = value !== "0" && value !== "false";
      // An unknown name would leave the list empty.
      else if (
        $(id).tagName !== "SELECT" ||
        [...$(id).options].some((/** @type {any} */ option) => option.value === value)
      )
        $(id).value = value;
      // For whatever the link leaves out, act as if the sampler had been chosen here.
      if (id === "sampler") this.#changeSampler();
    }
  }

  /** Whether a sampler has a setting. @param {keyof import("./engine.js").SamplerParameters["applies_to"]} setting @param {import("./engine.js").SamplerName} sampler */
  applies(setting, sampler) {
    return this.#parameters.applies_to[setting].includes(sampler);
  }

  /** Whether the form is filled, so that there can be a link to it. */
  get opened() {
    return this.#recommended !== null;
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
    const { defaults } = this.#parameters;
    const whole = (/** @type {string} */ id, /** @type {string} */ name) => {
      const max = Number($(id).max);
      const text = $(id).value.trim();
      const value = Number(text);
      return check(
        text !== "" && Number.isInteger(value) && value >= 1 && value <= max,
        id,
        `${name} must be a whole number from 1 to ${max}.`,
        value,
      );
    };
    const positive = (/** @type {string} */ id, /** @type {string} */ name) => {
      const value = number(id);
      return check(
        Number.isFinite(value) && value > 0,
        id,
        `${name} must be a number above 0.`,
        value,
      );
    };
    const applies = (/** @type {string} */ id) => !$(id).disabled;
    const check = (
      /** @type {boolean} */ good,
      /** @type {string} */ id,
      /** @type {string} */ text,
      /** @type {number} */ value,
    ) => {
      $(id).setAttribute("aria-invalid", String(!good));
      if (!good) throw new RangeError(text);
      return value;
    };
    const seedText = $("seed").value.trim();
    const seedGood = /^\d{1,20}$/.test(seedText) && BigInt(seedText) <= SEED_MAX;
    check(seedGood, "seed", "Seed must be a whole number from 0 to 2⁶⁴ − 1.", 0);
    const chains = whole("chains", "Chains");
    const levels = whole("levels", "Levels");
    // Fields that do not apply cannot be wrong.
    const steps_each = applies("steps-each")
      ? whole("steps-each", "Steps each")
      : (this.#recommended?.steps_each ?? 1);
    const sigma_max = positive("sigma-max", "The largest σ");
    const sigma_min = positive("sigma-min", "The smallest σ");
    const step_lr = applies("step-lr")
      ? positive("step-lr", "Step size")
      : (this.#recommended?.step_lr ?? 1e-5);
    const snr = applies("snr") ? positive("snr", "The ratio r") : defaults.snr;
    const rho = applies("rho") ? positive("rho", "ρ") : defaults.rho;
    /** @type {SamplerSettings} */
    const settings = {
      sampler: $("sampler").value,
      levels,
      steps_each,
      step_lr,
      denoise: $("denoise").checked,
      sigma_max,
      sigma_min,
      snr,
      rho,
    };
    const churn = number("churn");
    const amount = applies("churn")
      ? check(Number.isFinite(churn) && churn >= 0, "churn", "Churn must be 0 or more.", churn)
      : 0;
    if (amount > 0) {
      settings.churn = { ...(this.#recommended?.churn ?? defaults.churn), amount };
    }
    return {
      settings,
      seed: BigInt(seedText),
      chains,
    };
  }

  /**
   * A link to the current state of the page.
   * @param {{ drawing: string, [parameter: string]: string | null | undefined }} more
   *   The drawing goes where servers do not see it.
   */
  link({ drawing, ...more }) {
    const url = new URL(location.href);
    url.hash = drawing;
    url.search = "";
    if (drawing) more.strength = $("strength").value;
    for (const [parameter, id] of FIELDS) {
      const field = $(id);
      if (!field.disabled)
        more[parameter] = id === "denoise" ? (field.checked ? "1" : "0") : field.value.trim();
    }
    for (const [parameter, value] of Object.entries(more))
      if (value) url.searchParams.set(parameter, value);
    return url.href;
  }

  /**
   * Switches to another sampler, with the number of levels that takes as many network evaluations.
   * The σ that a model recommends suit its recommended sampler; others start with the full range
   * that it was trained at.
   */
  #changeSampler() {
    const before = this.#sampler;
    this.#sampler = $("sampler").value;
    const recommended = /** @type {SamplerSettings} */ (this.#recommended);
    if (this.#sampler === recommended.sampler) return this.#fill(recommended);
    const sigmas = before === recommended.sampler && this.#trained;
    if (sigmas) [$("sigma-max").value, $("sigma-min").value] = sigmas.map(formatSetting);
    // The value there belongs to the recommended σ_L, and η = ε/σ_L² should stay the same.
    if (sigmas || $("step-lr").disabled) {
      $("step-lr").value = formatSetting(
        recommended.step_lr *
          ((number("sigma-min") || recommended.sigma_min) / recommended.sigma_min) ** 2,
      );
    }
    if (this.#sampler === "heun") $("levels").value = String(LEVELS_HEUN);
    else if (this.#sampler === "predictor-corrector") {
      $("levels").value = String(LEVELS_CORRECTED);
      $("steps-each").value = "1";
    } else if (this.#sampler === "exact-langevin") {
      $("levels").value = String(EXACT.levels);
      $("steps-each").value = String(EXACT.steps);
      $("step-lr").value = formatSetting(
        EXACT.a * (number("sigma-min") || recommended.sigma_min) ** 2,
      );
    } else if (this.applies("denoise", before)) {
      const evaluations = Number($("levels").value) * Number($("steps-each").value);
      if (evaluations > 0) $("levels").value = String(Math.min(evaluations, LEVELS_ONE_STEP));
    } else if (before === "heun" || before === "predictor-corrector")
      $("levels").value = String(LEVELS_ONE_STEP);
    this.#applicable();
  }

  /**
   * Fills the form with settings.
   * @param {SamplerSettings} settings
   */
  #fill(settings) {
    $("sampler").value = settings.sampler;
    $("levels").value = String(settings.levels);
    $("steps-each").value = String(settings.steps_each);
    $("step-lr").value = formatSetting(settings.step_lr);
    $("sigma-max").value = formatSetting(settings.sigma_max);
    $("sigma-min").value = formatSetting(settings.sigma_min);
    $("denoise").checked = settings.denoise;
    $("snr").value = formatSetting(settings.snr ?? this.#parameters.defaults.snr);
    $("rho").value = formatSetting(settings.rho ?? this.#parameters.defaults.rho);
    $("churn").value = settings.churn ? formatSetting(settings.churn.amount) : "0";
    this.#sampler = settings.sampler;
    this.#applicable();
  }

  #applicable() {
    const { value: sampler, selectedOptions } = $("sampler");
    for (const [setting, samplers] of Object.entries(this.#parameters.applies_to)) {
      const id = setting.replace("_", "-");
      $(id).disabled = !samplers.includes(sampler);
      $(id).setAttribute("aria-invalid", "false");
    }
    $("sampler-hint").textContent = selectedOptions[0].dataset.hint;
  }
}
