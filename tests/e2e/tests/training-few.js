// @ts-check
/**
 * Makes variants of five images, and shows samples beside the nearest of them.
 * @param {string} scripts the address of the page's scripts @param {(result: unknown) => void} answer
 */
(async (scripts, answer) => {
  const [{ FEW, augmented }, { SamplesView }] = await Promise.all(
    ["augment.js", "samples.js"].map((name) => import(`${scripts}train/${name}`)),
  );
  const [originals, shape] = [5, { channels: 3, height: 8, width: 6 }];
  const length = 3 * 8 * 6;
  /** Noise, which no shift and no other size leaves as it is. @param {number} count */
  const noise = (count) =>
    Uint8Array.from(
      { length: count * length },
      (_, at) => (Math.imul(at + 1, 0x9e3779b1) >>> 16) & 255,
    );
  const images = noise(originals);
  const all = augmented(images, shape);
  const imageOf = (/** @type {number} */ at) => all.subarray(at * length, (at + 1) * length).join();
  const count = all.length / length;
  /** How far pixels are on average from those of the original. @param {number} at */
  const change = (at) => {
    let sum = 0;
    for (let k = 0; k < length; k++)
      sum += Math.abs(all[at * length + k] - images[(at % originals) * length + k]);
    return sum / length;
  };
  const variants = Array.from({ length: count - originals }, (_, at) => originals + at);

  const view = new SamplesView();
  const shown = (/** @type {number[]} */ ratios) => {
    const nearest = ratios.map((_, at) => at * 7 + 4);
    const samples = { step: 1, images: all, nearest, ratios };
    view.show(samples, { images: all, originals, shape });
    const words = view.root.querySelector("[role=status]");
    return {
      warns: words.classList.contains("warns"),
      words: words.textContent,
      copies: view.root.querySelectorAll(".copy").length,
      nearest: Array.from(
        view.root.querySelectorAll("canvas:not(.sample)"),
        ({ ariaLabel }) => ariaLabel,
      ),
    };
  };
  const enough = noise(FEW);
  answer({
    count,
    originals: images.every((value, at) => value === all[at]),
    different: new Set(Array.from({ length: count }, (_, at) => imageOf(at))).size,
    least: Math.min(...variants.map(change)),
    untouched: augmented(enough, shape) === enough,
    copied: shown([0.1, 0.1, 2]),
    own: shown([0.1, 2, 2]),
  });
})(arguments[0], arguments[1]).catch((error) => arguments[1]({ error: String(error) }));
