// @ts-check
/** What images start from: pure noise, or a drawing. */
import { $ } from "../dom/dom.js";
import { controls, refuse, renew } from "../page/page.js";
import { nameImageButtons } from "../inspect/single-images.js";
import { state } from "../state/state.js";

/** @type {typeof import("./from-drawing.js") | null} once there is a sketch canvas */
let fromDrawing = null;

/**
 * Shows the sketch canvas, which is fetched when first wanted, or hides it.
 * @param {"noise" | "drawing"} origin
 * @returns {Promise<boolean>} whether that is still what the visitor has chosen last
 * @throws {Error} if it cannot be fetched
 */
export async function setOrigin(origin) {
  const radio = $("origin").querySelector(`[value="${origin}"]`);
  radio.checked = true;
  $("draw").setAttribute("aria-pressed", String(origin === "drawing"));
  if (origin === "drawing" && !state.sketch && state.loaded) {
    const module = await import("./from-drawing.js").catch(() => null);
    // Meanwhile the visitor may have gone back to noise.
    if (!radio.checked) return false;
    if (!module) {
      setOrigin("noise");
      throw new Error(
        "The canvas did not arrive: the images start from noise. Reload the page to try again.",
      );
    }
    fromDrawing = module;
    await module.makeSketch(state.loaded.card, state.loaded.model);
    if (!radio.checked) return false;
  }
  $("drawing").hidden = origin === "noise";
  document.documentElement.classList.toggle("draws", origin === "drawing");
  fromDrawing?.putFirst(origin === "drawing");
  nameImageButtons();
  return true;
}

/**
 * Chooses settings with which images can follow a pen, once there is a sketch canvas.
 * @param {boolean} [linked] whether a link has brought its own: then these are only offered
 */
export function suitSettings(linked) {
  fromDrawing?.suitSettings(linked).catch(refuse);
}

/**
 * Shows the sketch canvas or hides it, as a visitor has asked for.
 * @param {"noise" | "drawing"} origin @param {boolean} [byKey] whether by a key that leaves the focus where it is: then it goes to the canvas
 */
export async function changeOrigin(origin, byKey = false) {
  try {
    if (!(await setOrigin(origin))) return;
    if (origin === "noise") controls.restoreSettings();
    else {
      suitSettings();
      fromDrawing?.showSketch();
      if (byKey) $("sketch-canvas").focus({ preventScroll: true });
    }
    if (state.sketch?.used) renew(true);
  } catch (error) {
    refuse(error);
  }
}
