// @ts-check
/** The parts of the page's address. */

/** What parameters of older links are called now. */
const RENAMED = { pace: "speed", wander: "strength" };

/** Whether what follows `#` in the address is a place on the page, such as a paper, and not a drawing. */
export const namesPlace = () => document.getElementById(location.hash.slice(1)) !== null;

/** The parameters in the address under their present names. */
export function readLink() {
  const link = new URLSearchParams(location.search);
  for (const [older, present] of Object.entries(RENAMED)) {
    const value = link.get(older);
    link.delete(older);
    if (value !== null && !link.has(present)) link.set(present, value);
  }
  // Other names of Euler's method: `Sampler::aliases`.
  if (["euler", "ddim"].includes(link.get("sampler") ?? "")) link.set("sampler", "ode");
  return link;
}
