// @ts-check
/**
 * The card of a model: where it comes from, and how good it is. The page fetches this when the visitor
 * scrolls there.
 */

import { formatDuration } from "../dom/format.js";

/** What another model was trained on, as cards say it: “mnist, 1152000 pictures of mnist”. @param {string} [text] */
const inWords = (text) =>
  text?.replace(
    /\b(\d+) (?:pictures|images) of\b/g,
    (_, count) => `${Number(count).toLocaleString("en")} images of`,
  );

/**
 * Fills the list with what there is to say of a model.
 * @param {HTMLElement} list @param {import("../types.js").Card} card
 * @param {string} [label] what the page calls it, where that is not the name in its card
 */
export function showCard(list, card, label = card.name) {
  const { training, quality } = card;
  const count = (/** @type {unknown} */ value) =>
    typeof value === "number" ? value.toLocaleString("en") : String(value);
  const error = quality?.frechet_error ? ` ± ${quality.frechet_error.toPrecision(2)}` : "";
  /** @type {[string, unknown][]} */
  const rows = [
    ["Model", label === card.name ? label : `${label} (${card.name})`],
    ["Network", `${card.architecture.kind}, ${count(card.parameters)} parameters`],
    [
      "Images",
      `${card.image_shape.width} × ${card.image_shape.height}${card.image_shape.channels === 3 ? ", color" : ""}`,
    ],
    ["Trained on", training?.data],
    ["Started from", inWords(training?.from)],
    [
      "Guided",
      training?.autoguidance &&
        `${training.autoguidance.weight} × away from ${inWords(training.autoguidance.away_from)}`,
    ],
    [
      "Training",
      training &&
        `${count(training.steps)} steps, ${count(training.examples)} images seen, ${formatDuration(training.seconds)} on ${training.device}`,
    ],
    [
      "Quality",
      quality &&
        `Fréchet distance ${quality.frechet.toPrecision(3)}${error} with ${quality.nfe} evaluations; ${quality.floor.toPrecision(3)} for training images, in features of ${quality.features?.name ?? "a classifier"}`,
    ],
    ["Imported from", card.imported],
    [
      "License",
      card.licence === "unknown" ? "unknown: none is stated for the images" : card.licence,
    ],
  ];
  list.replaceChildren(
    ...rows
      .filter(([, value]) => value)
      .map(([name, value]) => {
        const row = document.createElement("div");
        const term = document.createElement("dt");
        const text = document.createElement("dd");
        term.textContent = name;
        text.textContent = String(value);
        row.append(term, text);
        return row;
      }),
  );
  list.hidden = false;
}
