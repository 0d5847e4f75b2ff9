// @ts-check
/** What is on the screen. */
import { $ } from "./dom.js";
import { formatSigma, ofBytes } from "./format.js";
import { Grid } from "./grid.js";
import { SchedulePlot } from "./schedule.js";
import { drawing, modelUrl, models, state } from "./state.js";

export const grid = new Grid($("grid"), $("grid-frame"));
export const plot = new SchedulePlot($("schedule"));

/** What can only be used while there is an engine. */
const CONSOLE = [
  "start",
  "step",
  "restart",
  "save",
  "copy",
  "recommended",
  "best",
  "view",
  "origin",
  "engine",
  "settings",
];

/** @param {boolean} enabled */
export function setConsole(enabled) {
  for (const id of CONSOLE) $(id).disabled = !enabled;
}

/** Marks the model that is shown among the page's own. */
export function markModel() {
  for (const [choice, address] of models)
    if (address === modelUrl) choice.setAttribute("aria-current", "page");
}

/** @param {string} name @param {string} text */
export function setStatus(name, text) {
  $("status").dataset.state = name;
  if ($("status").textContent !== text) $("status").textContent = text;
}

/** @param {import("./run.js").Run} run */
export function showRun(run) {
  const { progress } = state;
  const words = {
    ready: drawing() ? "Your drawing. Start when you like." : "Pure noise. Start when you like.",
    running: "Running",
    paused: "Paused",
    finished: progress
      ? `Done: ${progress.steps} network evaluations an image, ${(run.worked / 1000).toFixed(1)} s of work.`
      : "Done.",
  };
  setStatus(run.state, words[run.state]);
  $("start-text").textContent =
    run.state === "running"
      ? "Pause"
      : run.state === "paused"
        ? "Resume"
        : run.over && run.state !== "ready"
          ? "Run again"
          : "Start";
}

/** @param {import("./engine.js").Progress} next */
export function showProgress(next) {
  state.progress = next;
  const sigma = next.done && state.clean ? 0 : next.sigma;
  $("sigma").textContent = formatSigma(sigma);
  $("step-count").textContent = `${next.step} / ${next.steps}`;
  $("level").textContent = `${Math.min(next.level + 1, next.levels)} / ${next.levels}`;
  const cold = plot.cursor(next.step, sigma);
  document.documentElement.style.setProperty("--coldness", `${(100 * cold).toFixed(1)}%`);
}

/** @param {import("./engine.js").View} view */
export function showView(view) {
  $("caption-view").textContent =
    view === "noisy" ? "x̃, the chains as they stand" : "D(x̃, σ), what the network believes";
}

/** @param {import("./controls.js").Choice} choice */
export function showCaption({ seed, chains }) {
  $("caption-run").textContent =
    `${chains} ${chains === 1 ? "chain" : "chains"}, seed ${seed}${drawing() ? ", from a drawing" : ""}`;
}

/** Says what is wrong, where visitors look. @param {string} text */
export function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = false;
  $("problem").scrollIntoView({ block: "nearest" });
}

/** @param {"module" | "model"} what @returns {(loaded: number, total: number) => void} */
export function gauge(what) {
  return (loaded, total) => {
    const bar = $(`load-${what}`);
    if (total) {
      bar.max = total;
      bar.value = loaded;
    } else bar.removeAttribute("value");
    $(`load-${what}-text`).textContent = ofBytes(loaded, total);
  };
}
