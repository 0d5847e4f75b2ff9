// @ts-check
/** What one can do with a single image of the grid. */
import { refuse, timeline } from "../page/page.js";
import { state } from "../state/state.js";
import { grid } from "../view/view.js";

/** Whether the sketch canvas is open. */
const draws = () => document.documentElement.classList.contains("draws");

/** @type {import("../view/image-buttons.js").ImageButtons | undefined} */
let imageButtons;

/** Makes each image a button: to keep it on the sketch canvas where that is open, or else to enlarge it. */
export async function offerImages() {
  const [{ ImageButtons }, { keepImage }] = await Promise.all([
    import("../view/image-buttons.js"),
    import("./one-image.js"),
  ]);
  const buttons = new ImageButtons((index) =>
    draws() ? keepImage(index).catch(refuse) : showLarge(index),
  );
  imageButtons = buttons;
  const { onArrange } = grid;
  grid.onArrange = () => {
    onArrange();
    buttons.place(grid.places());
  };
  grid.onArrange();
  nameImageButtons();
}

/** Names the buttons after what they do at present. */
export function nameImageButtons() {
  if (imageButtons) imageButtons.verb = draws() ? "Keep" : "Enlarge";
}

/** Shows one image large, at the step that the grid shows. @param {number} [index] unless given, the one that the keyboard is at */
export async function showLarge(index = imageButtons?.current ?? 0) {
  const { step = 0 } = timeline.past?.progress ?? state.progress ?? {};
  await import("./enlarge.js").then(({ enlarge }) => enlarge(index, step)).catch(refuse);
}
