// @ts-check
/** The run, the form, the engines, and the failure that may end it all: what lives as long as the page. */
import { Controls } from "./controls.js";
import { $ } from "./dom.js";
import { EngineChoice } from "./engine-choice.js";
import { hasCpu, isEngine } from "./engine.js";
import { failureOf, isTrap, panic, refused, wrongImages } from "./failures.js";
import { FatalErrors } from "./fatal-error.js";
import { formatSigma } from "./format.js";
import { Run } from "./run.js";
import { drawing, exact, link, state, strength } from "./state.js";
import {
  complain,
  grid,
  plot,
  setConsole,
  showCaption,
  showProgress,
  showRun,
  showView,
} from "./view.js";

export const run = new Run({
  onState: showState,
  onProgress: showProgress,
  onDraw: (chain, view) => grid.draw(chain, view),
  // What an engine rejects with is an ordinary error.
  onError: (error) =>
    fail(
      failureOf(error, (message) =>
        /** @type {any} */ (error)?.constructor === Error
          ? refused(engines.chosen ?? "fused", message)
          : panic(message),
      ),
    ),
  onWrong: (fault) => fail(wrongImages(fault)),
});
grid.onResize = () => run.redraw();

export const controls = new Controls({
  onChange: () => begin(run.state !== "ready" && run.state !== "paused"),
});

export const fatalErrors = new FatalErrors({
  stop: () => run.kill(),
  address: () => (controls.opened ? controls.link(linked()) : location.href),
  usesGpu: () => engines.chosen !== null && engines.chosen !== "cpu",
  async withoutCpu() {
    if (!(await hasCpu()))
      return "The CPU could do the same, but this copy of the page has no CPU engine. “cargo xtask build” makes one that has.";
    return engines.withoutCpu
      ? `The CPU’s engine does not start either: ${engines.withoutCpu.text}`
      : "";
  },
});

export const engines = new EngineChoice(fail);

/** @param {unknown} error after which nothing continues */
export function fail(error) {
  fatalErrors.fail(error);
}

/** Shows the state of the run, and when it has finished, finds the fastest kernels while nobody waits. */
export function showState() {
  if (fatalErrors.failure) return;
  showRun(run);
  if (run.state === "finished") engines.tune(run, () => controls.read().chains).catch(console.warn);
}

/** What a link carries besides the settings. */
export const linked = () => ({
  model: link.get("model"),
  of: state.loaded?.sum,
  view: run.view,
  engine: isEngine(link.get("engine")) ? $("engine").value : null,
  precision: exact ? "f32" : null,
  drawing: drawing()?.text ?? "",
});

let keeping = 0;

/**
 * Puts the visitor's settings into the address, for reloading, going back and sharing from a phone.
 * It waits a moment, since browsers limit the number of changes.
 */
export function keep() {
  clearTimeout(keeping);
  keeping = setTimeout(() => {
    const url = new URL(controls.link(linked()));
    const auto = link.get("autostart");
    if (auto) url.searchParams.set("autostart", auto);
    try {
      history.replaceState(null, "", url);
    } catch {
      // A page inside another may not be allowed to change its address.
    }
  }, 500);
}

/** Leaves the address as it is, since nobody has set anything yet. */
export function keepNothing() {
  clearTimeout(keeping);
}

/**
 * Begins a new anneal with the settings of the form, or says what is wrong with them.
 * @param {boolean} go whether to run at once
 * @returns {boolean} whether it began
 */
export function begin(go) {
  const { engine, loaded } = state;
  if (!engine || !loaded || fatalErrors.failure) return false;
  const { model, card } = loaded;
  try {
    const choice = controls.read();
    const { height, width } = card.image_shape;
    const [from, far] = [drawing()?.pixels, strength()];
    const sigmas = model.schedule(choice.settings, far);
    const make = async () => {
      try {
        const chain = await engine.start(choice.settings, choice.seed, choice.chains, from, far);
        plot.set(sigmas);
        state.clean =
          choice.settings.denoise || !controls.applies("denoise", choice.settings.sampler);
        grid.shape(choice.chains, width, height);
        return chain;
      } catch (error) {
        refuse(error);
        return null;
      }
    };
    run.restart(make, go);
    showView(run.view);
    showCaption(choice);
    $("strength-sigma").textContent = far === undefined ? "" : `σ = ${formatSigma(sigmas[0])}`;
    $("problem").hidden = true;
    keep();
    return true;
  } catch (error) {
    refuse(error);
    return false;
  }
}

/**
 * Says why an anneal cannot begin.
 * @param {unknown} error
 */
export function refuse(error) {
  if (isTrap(error)) return fail(error);
  complain(error instanceof Error ? error.message : String(error));
}

/** @param {import("./engine.js").Engine} next */
export function use(next) {
  grid.use(next);
  state.engine = next;
  engines.chosen = next.name;
  $("engine").value = next.name;
  $("adapter").textContent = next.device;
  setConsole(true);
}
