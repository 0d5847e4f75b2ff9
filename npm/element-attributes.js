// @ts-check
/** An element's attributes as options. */

/** The attributes that decide what images there are. */
export const ATTRIBUTES = [
  "model",
  "hub",
  "count",
  "steps",
  "class",
  "seed",
  "sampler",
  "guidance",
];

/** Where the model is: absolute, or a name on a hub. @param {HTMLElement} element */
export function addressOf(element) {
  const address = element.getAttribute("model") ?? "";
  try {
    return new URL(address, document.baseURI).href;
  } catch {
    return address;
  }
}

/**
 * @param {HTMLElement} element
 * @returns {import("./types.js").SampleOptions} numbers that are none are left for `sample` to refuse
 */
export function optionsOf(element) {
  const text = (/** @type {string} */ name) => element.getAttribute(name)?.trim() || undefined;
  const number = (/** @type {string} */ name) => {
    const value = text(name);
    return value === undefined ? undefined : Number(value);
  };
  const seed = text("seed");
  return {
    count: number("count"),
    steps: number("steps"),
    guidance: number("guidance"),
    sampler: /** @type {import("./types.js").SamplerName | undefined} */ (text("sampler")),
    class: text("class")
      ?.split(",")
      .map((name) => name.trim()),
    seed: seed === undefined ? undefined : /^\d+$/.test(seed) ? BigInt(seed) : Number.NaN,
  };
}
