// @ts-check
/** Saving and sending what is shown. The page fetches this when the visitor asks for that. */
import { $ } from "../dom/dom.js";
import { imageAt } from "../view/pixels.js";
import { controls, film, linked, live, run, timeline } from "../page/page.js";
import { modelLabel, state } from "../state/state.js";
import { imageShown } from "../inspect/one-image.js";
import { grid, showReadings } from "../view/view.js";
import { oneToPng, saveAs, toPng } from "./png.js";

/** The most characters of a name of a model or a class in the name of a file. */
const LONGEST_NAME = 60;

/** What is shown, as a PNG. @returns {Promise<File>} */
async function png() {
  const file = await run.withChains(async (chains) => {
    if (timeline.past) return named(stepName(), toPng($("replay")));
    // With less motion, the grid may show an earlier step.
    state.progress = chains.progress();
    showReadings(state.progress);
    await timeline.stay(() => grid.draw(chains, run.view, true));
    return named(stepName(), toPng($("grid")));
  });
  // The page has said why there are no chains, but perhaps out of sight.
  if (!file) throw new Error($("problem").textContent || "There are no images yet.");
  return file;
}

/** One image of the grid, as a PNG. @param {number} index @returns {Promise<File>} */
async function onePng(index) {
  const file = await run.withChains(async (chains) => {
    const image = await imageShown(chains, index);
    return image && named(`image-${index + 1}-${stepName()}`, oneToPng(image));
  });
  if (!file) throw new Error("There is no such image.");
  return file;
}

/**
 * A PNG with the name that it has now: by the time it is encoded, another step may be shown.
 * @param {string} what @param {Promise<Blob>} png
 */
async function named(what, png) {
  const name = `${fileName(what)}.png`;
  return new File([await png], name, { type: "image/png" });
}

/** All images one by one. @returns {Promise<ImageData[]>} */
async function images() {
  const pixels = await run.withChains((chains) => chains.pixels(run.view));
  if (!pixels || !state.loaded) return [];
  const shape = state.loaded.card.image_shape;
  const count = pixels.length / (4 * shape.width * shape.height);
  return Array.from({ length: count }, (_, at) => imageAt(pixels, at, shape));
}

/** The name of a model or a class as a part of a file's name: it may come from a stranger. @param {string} name */
const plain = (name) => name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, LONGEST_NAME);

/**
 * The name of a file, which says what is in it.
 * @param {string} what @param {readonly { view: string }[]} [frames] what is shown, unless given
 */
function fileName(what, frames = [timeline.past ?? run]) {
  const guess = frames.every(({ view }) => view === "denoised");
  const { loaded, made } = state;
  const model = modelLabel?.toLowerCase() ?? loaded?.card.name ?? "ncsn";
  const names = made?.ofClass ? [model, made.ofClass.name] : [model];
  const to = made?.options.to === undefined ? "" : `-to-${made.options.to}`;
  const parts = [...names.map(plain), `seed-${made?.seed ?? 0}${to}`, what];
  return [...parts, ...(guess ? ["guess"] : [])].join("-");
}

/** The step that is shown, for such a name. */
const stepName = () => `step-${(timeline.past?.progress ?? state.progress)?.step ?? 0}`;

/** Saves what is shown. */
export async function save() {
  const file = await png();
  saveAs(file, file.name);
}

/** Offers other ways to save and send. The run rests, and no redraw is under way, so that files have what their names say. */
export async function offerMore() {
  const { openSaveDialog } = await import("./save-dialog.js");
  await run.settle();
  await live.settled;
  await openSaveDialog({
    frames: () => film.frames,
    count: state.made?.chains ?? 1,
    png,
    path: state.made?.options.to === undefined ? null : images,
    one: onePng,
    name: (what) => fileName(what, what === "run" ? film.frames : [run]),
    link: controls.link(linked()),
  });
}
