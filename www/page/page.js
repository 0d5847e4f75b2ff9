// @ts-check
/** The run, the form, the engines, and the failure that may end it all: what lives as long as the page. */
import { Controls } from "../settings/controls.js";
import { $ } from "../dom/dom.js";
import { EngineChoice } from "../engine/engine-choice.js";
import { hasEngine, isEngine } from "../engine/engine.js";
import { failureOf, isTrap, panic, refused, wrongImages } from "../failures/failures.js";
import { FatalErrors } from "./fatal-error.js";
import { Film } from "../view/film.js";
import { formatSigma } from "../dom/format.js";
import { Live } from "../run/live.js";
import { Run } from "../run/run.js";
import { drawing, kept, link, fewStepUrl, state, strength } from "../state/state.js";
import { Timeline } from "../view/timeline.js";
import {
  complain,
  complainToo,
  grid,
  hush,
  moveComplaint,
  plot,
  setStatus,
  showCaption,
  showLeft,
  showReadings,
  showRun,
  showView,
} from "../view/view.js";

export const run = new Run({
  onState: showState,
  onProgress(progress) {
    state.progress = progress;
    showReadings(progress);
    showView(run.view);
    showLeft(run);
  },
  onDraw: (chains, view, passing) => grid.draw(chains, view, passing),
  // Engines reject with ordinary errors; anything else is a fault of the page.
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

/** The steps of this run that were shown. */
export const film = new Film();
export const timeline = new Timeline(film, {
  stepAt: (x) => plot.stepAt(x),
  pause: () => run.settle(),
  show({ progress, view }) {
    showReadings(progress);
    showView(view, progress);
    showStep();
  },
  left() {
    showView(run.view);
    showStep();
  },
});
grid.onResize = () => timeline.stay(() => run.repaint());
grid.onArrange = () => timeline.arranged();
grid.onShown = (canvas, count) => {
  timeline.drawn();
  const { progress } = state;
  // While images follow a drawing, only those at the end of all steps are worth a copy: the next redraw replaces all.
  if (progress && (run.state !== "redrawing" || progress.done))
    film.add(canvas, { progress, view: run.view, count }).catch(console.warn);
};

export const controls = new Controls({ onChange: renewAsBefore });

export const fatalErrors = new FatalErrors({
  stop() {
    // Earlier steps would cover the message.
    timeline.leave();
    run.kill();
  },
  address: () => (controls.hasSettings ? controls.link(linked()) : location.href),
  unsaved: () => state.unsaved(),
  usesGpu: () => engines.chosen !== null && engines.chosen !== "cpu",
  async withoutCpu() {
    if (!(await hasEngine("cpu")))
      return "The CPU could do the same, but this copy of the page has no CPU engine. “cargo xtask build” makes one that has.";
    return engines.withoutCpu
      ? `The CPU’s engine does not start either: ${engines.withoutCpu.text}`
      : "";
  },
  shown: moveComplaint,
});

export const engines = new EngineChoice(fail);

/** Ends the visit with a message. @param {unknown} error */
export function fail(error) {
  fatalErrors.fail(error);
}

/** A step leads nowhere from the end, but from an earlier one that is shown. Disabled, the button would lose the focus. */
function showStep() {
  $("step").ariaDisabled = String(run.offersNew && !timeline.past);
}

/** Shows the state of the run. When it has finished, measures what is asked for and finds the fastest kernels. */
export function showState() {
  if (fatalErrors.failure) return;
  showRun(run);
  showStep();
  showLeft(run);
  if (run.state !== "finished") return;
  state.measures?.measure();
  engines.tune(run, () => controls.read().chains).catch(console.warn);
}

/** What a link carries besides the settings. */
export const linked = () => ({
  model: link.get("model"),
  of: (state.made ?? state.loaded)?.sum,
  view: run.view,
  engine: isEngine(link.get("engine")) ? $("engine").value : null,
  precision: state.exact ? "f32" : null,
  ...state.classes?.linked,
  keep: drawing() ? $("keep").value : null,
  drawing: drawing()?.text ?? "",
});

let writing = 0;

/**
 * Puts the visitor's settings into the address, for reloading, going back and sharing from a phone.
 * It waits a moment, since browsers limit the number of changes.
 */
export function writeAddress() {
  clearTimeout(writing);
  writing = setTimeout(() => {
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

/** Leaves the address as it is, since the visitor has set nothing yet. */
export function leaveAddress() {
  clearTimeout(writing);
}

/** Called when another run takes the place of the latest one, which then stops waiting for its weights. */
let replace = () => {};

/** Lets no run wait for its weights any more: such a wait holds up all other work on the engine. */
export const giveUpWeights = () => replace();

/**
 * The weights for a sampler: one to four steps have weights of their own, where the page has such for its model.
 * @param {import("../types.js").SamplerName} sampler
 * @param {Promise<undefined>} replaced settles when another run is to take the place of this one
 * @returns {Promise<import("../state/state.js").Weights | undefined>} nothing if this run was replaced meanwhile
 */
async function weightsFor(sampler, replaced) {
  if (sampler !== "consistency" || !fewStepUrl || !state.loaded) return state.loaded ?? undefined;
  if (state.fewStep) return state.fewStep;
  setStatus("loading", "Fetching the weights for few steps…");
  const fewStep = await Promise.race([
    import("../model/few-step-model.js")
      .then(({ fewStepModel }) => fewStepModel())
      .catch(() => null),
    replaced,
  ]);
  // A redraw says nothing before its end, so the words for this wait would stand there while the images are made.
  if (fewStep !== undefined && run.state === "redrawing") showState();
  if (fewStep === null)
    complainToo(
      "The weights for few steps did not arrive. These images are made with the model’s usual weights, which are not tuned for this sampler.",
    );
  return fewStep === null ? state.loaded : fewStep;
}

/** Whether images were asked for while the engine was changing, as by a stroke. */
let missed = false;

/** What the form asks for, and the levels of that; or says what is wrong with it. */
function asked() {
  const { engine, loaded } = state;
  missed = !engine;
  if (!engine || !loaded || fatalErrors.failure) return null;
  try {
    const choice = controls.read();
    const sigmas = loaded.model.schedule(choice.settings, strength());
    return { engine, card: loaded.card, choice, sigmas };
  } catch (error) {
    refuse(error);
    return null;
  }
}

/**
 * Readies what the form, the seed and the drawing ask for, or says what is wrong with them.
 * @returns {(() => Promise<import("../engine/engine.js").Chains | null>) | null} makes its chains
 */
function ready() {
  const found = asked();
  if (!found) return null;
  const { engine, card, choice, sigmas } = found;
  const { height, width } = card.image_shape;
  controls.accept();
  showView(run.view);
  showCaption(choice);
  const { settings, seed, chains, to, interval } = choice;
  const wanted = {
    settings,
    seed,
    chains,
    drawing: drawing()?.pixels,
    strength: strength(),
    ofClass: state.classes?.chosen,
    options: { ...state.classes?.choice, interval, keep: kept(), to, frames: chains },
  };
  $("strength-sigma").textContent =
    wanted.strength === undefined ? "" : `σ = ${formatSigma(sigmas[0])}`;
  hush();
  writeAddress();
  replace();
  /** @type {Promise<undefined>} */
  const replaced = new Promise((resolve) => {
    replace = () => resolve(undefined);
  });
  return async () => {
    try {
      const weights = await weightsFor(settings.sampler, replaced);
      if (!weights) return null;
      const { bytes, sum } = weights;
      if (engine.weights !== bytes) await engine.load(bytes);
      const { drawing, strength, options } = wanted;
      const started = await engine.start(settings, seed, chains, drawing, strength, options);
      // The address, which may have been written meanwhile, names the weights.
      if (state.made && state.made.sum !== sum) writeAddress();
      state.made = { ...wanted, bytes, sum };
      // A film that is playing must stop before its images are closed.
      timeline.leave();
      film.clear();
      plot.set(sigmas);
      state.clean = settings.denoise || !controls.applies("denoise", settings.sampler);
      grid.shape(chains, width, height);
      return started;
    } catch (error) {
      refuse(error);
      return null;
    }
  };
}

/**
 * Begins a new run.
 * @param {boolean} go whether to run at once
 * @returns {boolean} whether it began
 */
export function begin(go) {
  const make = ready();
  if (!make) return false;
  // This run has the latest drawing already, so a redraw that still waits is not needed.
  live.waiting = false;
  run.restart(make, go);
  return true;
}

/** @type {Live} the images that follow the drawing */
export const live = new Live(async () => {
  const make = ready();
  if (make) await run.redraw(make, givesWay);
}, giveUpWeights);

/**
 * Whether a waiting drawing takes the place of this redraw. If its settings are impossible, says so, and lets it wait no
 * longer.
 */
function givesWay() {
  live.waiting &&= asked() !== null;
  return live.waiting;
}

/**
 * Shows what has changed: at once if there is a drawing, or else by a new run.
 * @param {boolean} go whether that is to run at once
 */
export function renew(go) {
  if (drawing() && go) live.ask();
  else begin(go);
}

/** Shows what has changed: a run that has not been started, or is paused, begins anew and rests. */
export function renewAsBefore() {
  renew(!run.rests);
}

/** Makes other images: those of another seed. */
export function renewSeed() {
  controls.newSeed();
  renew(true);
}

/**
 * Says why a run cannot begin.
 * @param {unknown} error
 */
export function refuse(error) {
  if (isTrap(error)) return fail(error);
  complain(error instanceof Error ? error.message : String(error));
}

/**
 * Uses an engine from now on, and makes the images that were asked for while there was none.
 * @param {import("../engine/engine.js").Engine} next
 */
export function use(next) {
  grid.use(next);
  state.engine = next;
  engines.chosen = next.name;
  $("engine").value = next.name;
  $("precision").value = state.exact ? "f32" : "";
  $("precision-row").hidden = next.name !== "fused";
  $("adapter").textContent = next.device;
  // Images follow a stroke in any case, but a run that was not started does not begin by itself.
  if (missed && drawing()) live.ask();
  else if (missed) renewAsBefore();
}
