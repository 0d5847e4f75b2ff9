// @ts-check
/** What images start from: pure noise, or a drawing. */
import { $ } from "../dom/dom.js";
import { quickSettings } from "./presets.js";
import { controls, live, refuse, renew, writeAddress } from "../app/session.js";
import { nameImageButtons } from "../view/single-images.js";
import { drawing, link, quickUrl, state } from "../app/state.js";

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
    const module = await import("../sketch/canvas.js").catch(() => null);
    // Meanwhile the visitor may have gone back to noise.
    if (!radio.checked) return false;
    if (!module) {
      setOrigin("noise");
      throw new Error(
        "The canvas did not arrive: the images start from noise. Reload the page to try again.",
      );
    }
    if (!state.sketch && !link.has("strength"))
      $("strength").value = String(state.loaded.model.default_strength());
    state.sketch ??= new module.SketchCanvas(state.loaded.card, {
      onPaint: () => live.ask(),
      onWritten: writeAddress,
    });
    await state.sketch.styled;
    if (!radio.checked) return false;
  }
  $("drawing").hidden = origin === "noise";
  document.documentElement.classList.toggle("draws", origin === "drawing");
  nameImageButtons();
  return true;
}

/** Scrolls to where canvas and images are in sight together. */
function showSketch() {
  const canvas = $("sketch-canvas").getBoundingClientRect();
  if (canvas.top < 0) $("sketch-canvas").scrollIntoView({ block: "start" });
  else if (canvas.bottom > innerHeight) $("grid-frame").scrollIntoView({ block: "start" });
}

/** Chooses settings with which images can follow a pen, or goes back. @param {"noise" | "drawing"} origin */
export async function suitSettings(origin) {
  if (!state.loaded || origin === "noise") return controls.restoreSettings();
  const { model, card } = state.loaded;
  const far = Number($("strength").value);
  const steps = (/** @type {import("../engine/engine.js").SamplerSettings} */ settings) =>
    model.schedule(settings, far).length;
  const usual = quickSettings(card, steps);
  controls.useQuickSettings(usual, steps(usual));
  if (!quickUrl) return;
  const { quickModel } = await import("../model/quick-model.js");
  const quick = await quickModel();
  // Meanwhile the visitor may have gone back, or chosen other settings.
  if (!quick || !controls.usesQuickSettings) return;
  controls.useQuickSettings(quick.card.sampler, steps(quick.card.sampler));
  if (drawing()) live.ask();
}

/** Shows the sketch canvas or hides it, as a visitor has asked for. @param {"noise" | "drawing"} origin */
export async function changeOrigin(origin) {
  try {
    if (!(await setOrigin(origin))) return;
    suitSettings(origin).catch(refuse);
    if (origin === "drawing") showSketch();
    if (state.sketch?.used) renew(true);
  } catch (error) {
    refuse(error);
  }
}
