// @ts-check
/** What a visitor does. */
import { $ } from "./dom.js";
import { failureOf } from "./failures.js";
import {
  begin,
  controls,
  engines,
  fail,
  fatalErrors,
  keep,
  linked,
  refuse,
  run,
  showState,
  use,
} from "./session.js";
import { drawing, lessMotion, link, state } from "./state.js";
import { complain, grid, setConsole, setStatus, showView } from "./view.js";

function toggle() {
  if (run.state === "running") run.pause();
  else if (run.over) begin(true);
  else run.start();
}

function step() {
  if (run.over && !begin(false)) return;
  run.step();
}

/** @param {import("./engine.js").View} view */
export function setView(view) {
  run.view = view;
  $("view").querySelector(`[value="${view}"]`).checked = true;
  if (!state.engine) return;
  showView(view);
  run.redraw();
}

/**
 * Shows the sketch canvas, which is fetched when first wanted, or hides it.
 * @param {"noise" | "drawing"} origin
 * @throws {Error} if it cannot be fetched
 */
export async function setOrigin(origin) {
  const radio = $("origin").querySelector(`[value="${origin}"]`);
  radio.checked = true;
  if (origin === "drawing" && !state.sketch && state.loaded) {
    const module = await import("./sketch-canvas.js").catch(() => null);
    // Meanwhile the visitor may have changed their mind.
    if (!radio.checked) return;
    if (!module) {
      setOrigin("noise");
      throw new Error(
        "The canvas did not arrive: chains begin at noise. Reload the page to try again.",
      );
    }
    if (!state.sketch && !link.has("strength"))
      $("strength").value = String(state.loaded.model.default_strength());
    state.sketch ??= new module.SketchCanvas(state.loaded.card, () => begin(true));
    await state.sketch.styled;
    if (!radio.checked) return;
  }
  $("drawing").hidden = origin === "noise";
  $("grid-frame").classList.toggle("draws", origin === "drawing");
}

/** A click on an image puts it on the sketch canvas. @param {MouseEvent} event */
async function take(event) {
  const { engine, sketch } = state;
  const at = sketch?.at($("grid"), event);
  if (!engine || at === undefined || $("drawing").hidden) return;
  const pixels = await run.withChain((chain) => chain.pixels(run.view));
  if (pixels && at < pixels.length) sketch?.take(pixels.slice(at));
}

async function save() {
  const { toPng, saveAs } = await import("./save.js");
  const file = await run.withChain((chain) => {
    grid.render(chain, run.view);
    return toPng($("grid"));
  });
  // The page has said why there are no chains, but perhaps out of sight.
  if (!file) return complain($("problem").textContent);
  saveAs(file, `ncsn-seed-${$("seed").value.trim()}-step-${state.progress?.step ?? 0}.png`);
}

async function copyLink() {
  const url = controls.link(linked());
  let text = "Copied";
  try {
    await navigator.clipboard.writeText(url);
  } catch {
    history.replaceState(null, "", url);
    text = "See address bar";
  }
  $("copy").textContent = text;
  setTimeout(() => ($("copy").textContent = "Copy link"), 1800);
}

/** Starts the same chains on another engine; if that fails, the present one stays. */
async function changeEngine() {
  const [before, name] = [state.engine, $("engine").value];
  if (!before || fatalErrors.failure) return;
  const again = run.state !== "ready";
  run.pause();
  state.engine = null;
  setConsole(false);
  setStatus("loading", "Fetching the engine…");
  try {
    const next = await engines.make(name);
    await run.clear();
    before.free();
    use(next);
    link.set("engine", name);
    begin(again);
  } catch (error) {
    const failure = failureOf(error);
    console.error(failure);
    use(before);
    showState();
    complain([failure.message, failure.advice[0]].filter(Boolean).join(" "));
  }
  // Being disabled meanwhile, it has lost the focus.
  if (document.activeElement === document.body) $("engine").focus();
}

/** From now on does what a visitor asks for. */
export function listen() {
  $("start").addEventListener("click", toggle);
  $("step").addEventListener("click", step);
  $("restart").addEventListener("click", () => begin(true));
  $("save").addEventListener("click", () => save().catch(refuse));
  $("copy").addEventListener("click", copyLink);
  $("view").addEventListener("change", (/** @type {any} */ event) => {
    setView(event.target.value);
    keep();
  });
  $("origin").addEventListener("change", (/** @type {any} */ event) => {
    setOrigin(event.target.value).then(() => {
      // The canvas may have moved away from here, to just below the images.
      $("origin").parentElement.scrollIntoView({ block: "end" });
      if (state.sketch?.used) begin(true);
    }, refuse);
  });
  $("strength").addEventListener("input", () => drawing() && begin(true));
  $("grid-frame").addEventListener("click", (/** @type {MouseEvent} */ event) =>
    take(event).catch(fail),
  );
  $("engine").addEventListener("change", () => changeEngine().catch(fail));
  $("speed").addEventListener("change", () => {
    run.speed = controls.speed;
    keep();
  });
  // The hash only changes by a link with another drawing.
  addEventListener("hashchange", () => location.reload());
  lessMotion.addEventListener("change", () => (run.calm = lessMotion.matches));
  addEventListener("keydown", onKey);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (!state.engine || fatalErrors.failure || event.ctrlKey || event.metaKey || event.altKey)
    return;
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.closest("input:not([type=radio], [type=checkbox]), select, textarea");
  // Space presses the focused button, and otherwise scrolls the page.
  const own = typing || target.closest("button, a, summary, input");
  // A held key repeats: that may make steps, but must not begin runs.
  if (event.key === " " && !own) event.repeat || toggle();
  else if (event.key === "." && !typing) step();
  else if (event.key === "r" && !typing) event.repeat || begin(true);
  else return;
  event.preventDefault();
}
