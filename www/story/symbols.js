// @ts-check
/**
 * The symbols of the formulas say what they are, to visitors who point at them, tap them, or reach them by keyboard. What
 * one is appears in a line below the formula that is always there, so nothing moves. For the keyboard and for assistive
 * technology, each formula is a slider whose value is one of its symbols. The page fetches this when the visitor scrolls
 * there.
 */

/** What symbols mean, by their text in the formula; those of single formulas by the name of their stop, too. */
const MEANINGS = /** @type {Record<string, string>} */ ({
  "x~": "a noisy image: a clean one plus noise",
  x: "an image, as a list of pixels from 0 to 1",
  z: "noise: for each pixel a normal random number with a standard deviation of 1",
  σ: "the size of the noise: its standard deviation, in pixel values, from 0 to 1",
  σ1: "the largest size of the noise: nothing of an image is left",
  σ2: "the next smaller size of the noise",
  σL: "the smallest of the L sizes of the noise: an image is nearly clean",
  σi: "the size of the noise at level i",
  σi2: "the square of the size of the noise at level i",
  "σ2 ": "the square of the size of the noise",
  s: "the score: what the network knows. The direction in which an image becomes more probable",
  "∇": "the gradient: the direction in which what follows grows most",
  log: "the natural logarithm",
  qσ: "how probable each noisy image is, under noise of this size",
  α: "the size of a step",
  a: "which part of the level’s noise a step takes away",
  a2: "the square of that part",
  D: "the network’s guess of the clean image: the mean of all that could lie under the noise",
  d: "a very small change of what follows",
  c: "a class, such as “7” or “shoe”",
  w: "how strong guidance is: 1 is the network alone",
  "‖": "length: the root of the sum of squares over all pixels",
  "←": "becomes: one step",
  "≈": "is about: as well as the network has learned it",
  "one-level x": "the chain: an image on its way",
  "annealed x": "the chain: an image on its way",
  "ways x": "the image on its way",
});

/** What the parts of formulas are made of. */
const PARTS = "mover, msub, msup, msubsup, mi, mo";
/** How many pixels a pointer may be away from the symbol that it means. */
const NEAR = 14;

/** The formulas, each with the line below it. */
export function explainSymbols() {
  for (const article of document.querySelectorAll(".notes article")) {
    const { stop = "" } = /** @type {HTMLElement} */ (article.querySelector(".stop")).dataset;
    const line = /** @type {HTMLElement} */ (article.querySelector(".symbol"));
    const usual = line.textContent ?? "";
    for (const formula of article.querySelectorAll("math"))
      new Formula(formula, stop, (text) => (line.textContent = text || usual));
  }
}

class Formula {
  /** @type {MathMLElement[]} */ #symbols = [];
  /** The number of the symbol that keys have come to. */
  #at = 0;
  #slider;
  #say;

  /** @param {MathMLElement} formula @param {string} stop to which it belongs @param {(text: string) => void} say an empty text for nothing */
  constructor(formula, stop, say) {
    this.#say = say;
    this.#find(formula, stop);
    // A formula may not have this role itself, nor parts with a role.
    const slider = document.createElement("span");
    slider.className = "formula";
    slider.tabIndex = 0;
    slider.role = "slider";
    slider.ariaLabel = `Symbols of ${formula.ariaLabel ?? "the formula"}`;
    slider.ariaValueMin = "1";
    slider.ariaValueMax = String(this.#symbols.length);
    formula.replaceWith(slider);
    slider.append(formula);
    this.#slider = slider;
    this.#go(0);
    slider.addEventListener("focus", () => this.#choose(this.#focused));
    slider.addEventListener("blur", () => this.#choose(undefined));
    slider.addEventListener("keydown", (event) => this.#key(event));
    formula.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") this.#choose(this.#nearest(event));
    });
    formula.addEventListener("pointerleave", () => this.#choose(this.#focused));
    formula.addEventListener("click", (event) => {
      const nearest = this.#nearest(event);
      if (!nearest) return;
      this.#go(this.#symbols.indexOf(nearest));
      slider.focus();
      this.#choose(nearest);
    });
  }

  /** Finds the symbols, outermost first. @param {Element} part @param {string} stop */
  #find(part, stop) {
    for (const child of part.children) {
      const text = textOf(child);
      const meaning = MEANINGS[`${stop} ${text}`] ?? MEANINGS[text];
      if (meaning && child.matches(PARTS)) {
        child.setAttribute("data-meaning", `${text.trim()}: ${meaning}`);
        this.#symbols.push(/** @type {MathMLElement} */ (child));
      } else this.#find(child, stop);
    }
  }

  /** The symbol that keys have come to, if the formula has the focus. */
  get #focused() {
    return document.activeElement === this.#slider ? this.#symbols[this.#at] : undefined;
  }

  /** The symbol that a pointer means. @param {MouseEvent} event */
  #nearest({ clientX, clientY }) {
    /** @type {MathMLElement | undefined} */
    let best;
    let least = NEAR;
    for (const symbol of this.#symbols) {
      const { left, right, top, bottom } = symbol.getBoundingClientRect();
      const across = Math.max(left - clientX, clientX - right, 0);
      const far = Math.hypot(across, Math.max(top - clientY, clientY - bottom, 0));
      if (far < least) [best, least] = [symbol, far];
    }
    return best;
  }

  /** Makes a symbol the slider's value. @param {number} at its number */
  #go(at) {
    this.#at = at;
    this.#slider.ariaValueNow = String(at + 1);
    this.#slider.ariaValueText = meaningOf(this.#symbols[at]);
  }

  /** @param {MathMLElement | undefined} chosen */
  #choose(chosen) {
    for (const symbol of this.#symbols) symbol.classList.toggle("explained", symbol === chosen);
    this.#say(meaningOf(chosen));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const [at, last] = [this.#at, this.#symbols.length - 1];
    const to = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      Home: 0,
      End: last,
    }[event.key];
    // The space bar, with which other controls are used, must not start a run that is out of sight.
    if (event.key !== " " && to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (to === undefined) return;
    this.#go(Math.max(0, Math.min(last, to)));
    const symbol = this.#symbols[this.#at];
    // On narrow screens, long formulas scroll.
    symbol.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#choose(symbol);
  }
}

/** What a symbol says. @param {Element | undefined} symbol */
const meaningOf = (symbol) => symbol?.getAttribute("data-meaning") ?? "";

/** The text of a part as `MEANINGS` has it, which tells σ² from σ₂. @param {Element} part */
function textOf(part) {
  const text = (part.textContent ?? "").replace(/\s/g, "");
  return part.localName === "msup" && text === "σ2" ? "σ2 " : text;
}
