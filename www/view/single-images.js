// @ts-check
/** What one can do with a single image of the grid. */
import { fail, refuse, run, timeline } from "../app/session.js";
import { state } from "../app/state.js";
import { grid } from "./view.js";

/** Whether the sketch canvas is open. */
const draws = () => document.documentElement.classList.contains("draws");

/** @type {import("./image-buttons.js").ImageButtons | undefined} */
let imageButtons;

/** Makes each image a button: to keep it on the sketch canvas where that is open, or else to enlarge it. */
export async function offerImages() {
  const { ImageButtons } = await import("./image-buttons.js");
  const buttons = new ImageButtons((index) =>
    draws() ? keepImage(index).catch(fail) : showLarge(index),
  );
  imageButtons = buttons;
  grid.onArrange = () => buttons.place(grid.places());
  grid.onArrange();
  nameImageButtons();
}

/** Names the buttons after what they do at present. */
export function nameImageButtons() {
  if (imageButtons) imageButtons.verb = draws() ? "Keep" : "Enlarge";
}

/** Shows one image large, at the step that the grid shows. @param {number} [index] unless given, the one that the keyboard is at */
export async function showLarge(index = imageButtons?.current ?? 0) {
  run.pause();
  const { step = 0 } = timeline.past?.progress ?? state.progress ?? {};
  await import("./enlarge.js").then(({ enlarge }) => enlarge(index, step)).catch(refuse);
}

/** Puts an image on the sketch canvas. @param {number} index */
async function keepImage(index) {
  const pixels = await run.withChain((chain) => chain.pixels(run.view));
  if (pixels) state.sketch?.take(pixels, index);
}
