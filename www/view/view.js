// @ts-check
/** What is on the screen. */
import { $ } from "../dom/dom.js";
import {
  countOf,
  fileSize,
  formatDuration,
  formatSigma,
  formatWork,
  partOf,
} from "../dom/format.js";
import { Grid } from "./grid.js";
import { SchedulePlot } from "./schedule.js";
import { drawing, modelUrl, models, state } from "../state/state.js";

export const grid = new Grid($("grid"), $("grid-frame"));
export const plot = new SchedulePlot($("schedule"));

/** The style of what shows the noise level by its color. */
const consoleStyle = /** @type {HTMLElement} */ (document.querySelector(".console")).style;

/** What can only be used while there is an engine. */
const CONSOLE = [
  "start",
  "step",
  "restart",
  "save",
  "copy",
  "more",
  "draw",
  "view",
  "origin",
  "engine",
  "settings",
];

/** @param {boolean} enabled */
export function setConsole(enabled) {
  for (const id of CONSOLE) $(id).disabled = !enabled;
}

/** Marks the model that is shown among the page's own, and shows its thumbnail until there are images. */
export function markModel() {
  for (const [choice, address] of models) {
    if (address !== modelUrl) continue;
    choice.setAttribute("aria-current", "page");
    // Where the models are in a row that scrolls, it comes to the middle. Nothing else may scroll.
    const nav = $("models");
    if (nav.scrollWidth > nav.clientWidth)
      nav.scrollLeft +=
        choice.getBoundingClientRect().left -
        nav.getBoundingClientRect().left -
        (nav.clientWidth - choice.clientWidth) / 2;
    const thumbnail = choice.querySelector("img");
    if (thumbnail) $("load-image").src = thumbnail.src;
  }
}

/** @param {string} name @param {string} text */
export function setStatus(name, text) {
  $("status").dataset.state = name;
  if ($("status").textContent !== text) $("status").textContent = text;
}

/** A redraw that takes longer is announced; the words for shorter ones would only flicker. In milliseconds. */
const SLOW_MS = 400;
let slow = 0;
/** Runs that take longer show how much time is left. In milliseconds. */
const LONG_MS = 10_000;

/** @param {import("../run/run.js").Run} run */
export function showRun(run) {
  const { progress } = state;
  const words = {
    // Without chains, older images may still be shown.
    ready: run.over
      ? "No new images were made."
      : `${drawing() ? "Your drawing" : "Pure noise"}. Start when you like.`,
    running: "Running",
    paused: "Paused",
    redrawing: "",
    finished: progress
      ? `Done: ${countOf(progress.steps, "step")} an image, ${formatWork(run.worked)} of work.`
      : "Done.",
  };
  clearTimeout(slow);
  if (run.state === "redrawing") {
    $("status").dataset.state = "running";
    slow = setTimeout(() => {
      // Meanwhile it may have turned out that weights must be fetched first.
      if ($("status").dataset.state === "running") setStatus("running", "Redrawing…");
    }, SLOW_MS);
  } else setStatus(run.state, words[run.state]);
  $("start-text").textContent =
    run.state === "running"
      ? "Pause"
      : run.state === "paused"
        ? "Resume"
        : run.offersNew
          ? "New images"
          : "Start";
  $("start-key").textContent = run.offersNew ? "n" : "space";
}

/** Shows how long a run will still take, if it takes long. @param {import("../run/run.js").Run} run */
export function showLeft(run) {
  const { left, worked } = run;
  const long = run.state === "running" && left !== undefined && worked + left > LONG_MS;
  $("left").hidden = !long;
  if (long) $("left").textContent = `about ${formatDuration(left / 1000)} left`;
}

/** Shows what belongs to a step, be it the present one or an earlier one. @param {import("../types.js").Progress} next */
export function showReadings(next) {
  const sigma = next.done && state.clean ? 0 : next.sigma;
  $("sigma").textContent = formatSigma(sigma);
  $("step-count").textContent = partOf(next.step, next.steps);
  // With one step for each level, both numbers are the same.
  $("level-row").hidden = next.levels === next.steps;
  $("level").textContent = partOf(Math.min(next.level + 1, next.levels), next.levels);
  const slider = $("timeline");
  slider.ariaValueMax = String(next.steps);
  slider.ariaValueNow = String(next.step);
  slider.ariaValueText = `step ${partOf(next.step, next.steps)}, σ = ${formatSigma(sigma)}`;
  state.measures?.cursor(next.step);
  const coldness = plot.cursor(next.step, sigma);
  // Not on the root, for all styles of the page would be computed again with every step.
  consoleStyle.setProperty("--coldness", `${(100 * coldness).toFixed(1)}%`);
}

/**
 * Says what the images are.
 * @param {import("../types.js").View} view @param {import("../types.js").Progress | null} [at] the step that is shown
 */
export function showView(view, at = state.progress) {
  $("view").querySelector(`[value="${view}"]`).checked = true;
  $("caption-view").textContent =
    view !== "noisy"
      ? "D(x̃, σ), the network’s guess"
      : at?.done
        ? "the finished images"
        : "x̃, the noisy images";
}

/** @param {import("../settings/controls.js").Choice} choice */
export function showCaption({ seed, to, chains }) {
  $("caption-run").textContent =
    `${countOf(chains, "image")}${state.classes?.chosen ? ` of “${state.classes.chosen.label}”` : ""}, seed ${seed}${to === undefined ? "" : ` to seed ${to}`}${drawing() ? ", from a drawing" : ""}`;
}

/** Where the page says what is wrong. */
const bar = $("problem-bar");
// On small screens it covers the bottom of the window: with as much space there, everything can be scrolled above it.
new ResizeObserver(() =>
  document.documentElement.style.setProperty("--problem", `${bar.offsetHeight}px`),
).observe(bar);
$("problem-close").addEventListener("click", hush);

/** Where visitors look: if the page has failed, beside the message about that. */
const placeOfProblem = () => ($("message").hidden ? bar : $("message-problem"));

/** Says what is wrong. @param {string} text */
export function complain(text) {
  const place = placeOfProblem();
  place.firstChild.textContent = text;
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
}

/** Says nothing of it any more. */
export function hush() {
  const focused = bar.contains(document.activeElement);
  bar.hidden = true;
  // The button was in it.
  if (focused) $($("start").disabled ? "status" : "start").focus({ preventScroll: true });
}

/** Says it beside the message that the page has failed, which is now shown. */
export function moveComplaint() {
  if (!bar.hidden) complain(bar.textContent);
  hush();
}

/** Says what else is wrong, after whatever is still said. @param {string} text */
export function complainToo(text) {
  const { hidden, textContent } = placeOfProblem();
  complain(hidden ? text : `${textContent} ${text}`);
}

/** How many bytes have come of each part, and of how many, as far as that is known. */
const parts = { module: [0, 0], model: [0, 0] };

/** @param {"module" | "model"} what @returns {(loaded: number, total: number) => void} */
export function gauge(what) {
  return (...bytes) => {
    parts[what] = bytes;
    const [[a, ofA], [b, ofB]] = [parts.module, parts.model];
    const bar = $("load");
    // The tests read how much of the model has come.
    bar.dataset.model = b;
    if (ofB) {
      bar.max = ofA + ofB;
      // A length that is not known counts for nothing, and neither does what has come of it.
      bar.value = (ofA && a) + b;
      $("load-text").textContent = `Fetching the network, ${fileSize(ofA + ofB)}`;
    } else {
      bar.removeAttribute("value");
      if (b) $("load-text").textContent = `Fetching the network, ${fileSize(b)} so far`;
    }
  };
}
