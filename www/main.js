// @ts-check
/** The page: wires the parts together. */
import { Controls } from "./controls.js";
import { loadProgram } from "./engine.js";
import { Failure, badModel, failureOf, panic } from "./failures.js";
import { duration, formatSigma, ofBytes } from "./format.js";
import { observeDevices, probe } from "./gpu.js";
import { Grid } from "./grid.js";
import { fetchModel } from "./model.js";
import { Run } from "./run.js";
import { SchedulePlot } from "./schedule.js";

const BUILT_IN_MODEL = "./www/models/mnist.safetensors";

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);
const link = new URLSearchParams(location.search);
const modelUrl = new URL(link.get("model") || BUILT_IN_MODEL, document.baseURI);
const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** @type {import("./engine.js").Engine | null} */
let engine = null;
/** @type {import("./engine.js").Progress | null} */
let progress = null;
let failed = false;

const grid = new Grid($("grid"), $("plate"));
const plot = new SchedulePlot($("schedule"));
const run = new Run({
  onState: showState,
  onProgress: showProgress,
  onPixels: (pixels) => grid.draw(pixels),
  onError: (error) => fail(failureOf(error)),
});
const controls = new Controls({ onChange: () => begin(run.state === "running" || run.state === "finished") });

// ── What is on the screen ──────────────────────────────────────────────────

/** @param {string} state @param {string} text */
function setStatus(state, text) {
  $("status").dataset.state = state;
  if ($("status").textContent !== text) $("status").textContent = text;
}

/** @param {import("./run.js").State} state */
function showState(state) {
  if (failed) return;
  const words = {
    ready: "Pure noise. Start when you like.",
    running: progress?.step ? "Running" : "First step: the GPU prepares its kernels.",
    paused: "Paused",
    finished: progress ? `Done: ${progress.steps} network evaluations a picture, ${(run.worked / 1000).toFixed(1)} s of work.` : "Done.",
  };
  setStatus(state, words[state]);
  $("start-text").textContent = state === "running" ? "Pause" : state === "paused" ? "Resume" : state === "finished" ? "Run again" : "Start";
}

/** @param {import("./engine.js").Progress} next */
function showProgress(next) {
  progress = next;
  $("sigma").textContent = formatSigma(next.sigma);
  $("step-count").textContent = `${next.step} / ${next.steps}`;
  $("level").textContent = `${Math.min(next.level + 1, next.levels)} / ${next.levels}`;
  const cold = plot.cursor(next.step, next.sigma);
  document.documentElement.style.setProperty("--coldness", `${(100 * cold).toFixed(1)}%`);
  if (run.state === "running" && next.step > 0) setStatus("running", "Running");
}

/** @param {import("./controls.js").Choice} choice */
function showCaption({ seed, chains }) {
  $("caption-view").textContent = run.view === "noisy" ? "x̃, the chains as they stand" : "D(x̃, σ), what the network believes";
  $("caption-run").textContent = `${chains} ${chains === 1 ? "chain" : "chains"}, seed ${seed}`;
}

/** @param {import("./engine.js").Card} card */
function showCard(card) {
  const { training } = card;
  const count = (/** @type {unknown} */ value) => (typeof value === "number" ? value.toLocaleString("en") : String(value));
  /** @type {[string, unknown][]} */
  const rows = [
    ["Model", card.name],
    ["Network", `${card.architecture.kind}, ${count(card.parameters)} parameters`],
    ["Pictures", `${card.picture.width} × ${card.picture.height}${card.picture.channels === 3 ? ", colour" : ""}`],
    ["Trained on", training?.data],
    ["Training", training && `${count(training.steps)} steps, ${count(training.examples)} pictures seen, ${duration(training.seconds)} on ${training.device}`],
    ["Licence", card.licence],
  ];
  $("card").replaceChildren(
    ...rows.filter(([, value]) => value).map(([name, value]) => {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = name;
      text.textContent = String(value);
      row.append(term, text);
      return row;
    }),
  );
  $("card").hidden = false;
}

/**
 * Shows a failure; the first one stands, since others follow from it.
 * @param {Failure} failure
 */
function fail(failure) {
  if (failed) {
    if (!$("message-technical").textContent.includes(failure.technical)) $("message-technical").textContent += `\n${failure.technical}`;
    return;
  }
  failed = true;
  run.kill();
  console.error(failure);
  $("message").dataset.kind = failure.kind;
  $("message-title").textContent = failure.title;
  $("message-text").textContent = failure.text;
  $("message-advice").replaceChildren(
    ...failure.advice.map((advice) => {
      const item = document.createElement("li");
      item.textContent = advice;
      return item;
    }),
  );
  $("message-technical").textContent = failure.technical;
  $("message-details").hidden = !failure.technical;
  $("retry").hidden = !failure.retry;
  $("retry").textContent = failure.retry;
  const own = link.get("model") && (failure.kind === "download" || failure.kind === "model");
  $("message-link").hidden = !own;
  if (own) $("message-link").href = location.pathname;
  for (const id of ["start", "step", "restart", "save", "copy", "recommended", "view", "settings"]) $(id).disabled = true;
  $("loading").hidden = true;
  $("message").hidden = false;
  setStatus("error", failure.title);
  document.documentElement.classList.add("failed");
}

/** The program cannot be started twice in one page, so to try again is to reload, with the settings kept. */
function retry() {
  const { kind, title } = { kind: $("message").dataset.kind, title: $("message-title").textContent };
  if (engine) {
    const url = new URL(controls.link(place()));
    if (kind === "limit" && /memory/.test(title)) url.searchParams.set("chains", String(Math.max(1, Math.floor(Number($("chains").value) / 4))));
    history.replaceState(null, "", url);
  }
  location.reload();
}

// ── What a visitor does ────────────────────────────────────────────────────

const place = () => ({ model: link.get("model"), view: run.view });

/**
 * Begins a new anneal with the settings of the form, or says what is wrong with them.
 * @param {boolean} go whether to run at once
 * @returns {boolean} whether it began
 */
function begin(go) {
  if (!engine || failed) return false;
  const here = engine;
  try {
    const choice = controls.read();
    const { channels: _, height, width } = here.card().picture;
    const sigmas = here.schedule(choice.settings);
    const make = () => {
      const chain = here.start(choice.settings, choice.seed, choice.chains);
      plot.set(sigmas);
      grid.shape(choice.chains, width, height);
      return chain;
    };
    run.restart(make, go);
    showCaption(choice);
    $("problem").hidden = true;
    return true;
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) fail(failureOf(error));
    else {
      $("problem").textContent = error instanceof Error ? error.message : String(error);
      $("problem").hidden = false;
    }
    return false;
  }
}

// Before the first anneal (a link may carry impossible settings), and after one is done, there is nothing to go on with.
const over = () => run.state === "finished" || !progress;

function toggle() {
  if (run.state === "running") run.pause();
  else if (over()) begin(true);
  else run.start();
}

function step() {
  if (over() && !begin(false)) return;
  run.step();
}

/** @param {import("./engine.js").View} view */
function setView(view) {
  run.view = view;
  $("view").querySelector(`[value="${view}"]`).checked = true;
  if (!engine) return;
  $("caption-view").textContent = view === "noisy" ? "x̃, the chains as they stand" : "D(x̃, σ), what the network believes";
  run.redraw();
}

async function save() {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(await grid.toPng());
  anchor.download = `ncsn-seed-${$("seed").value.trim()}-step-${progress?.step ?? 0}.png`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

async function copyLink() {
  const url = controls.link(place());
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

function listen() {
  $("start").addEventListener("click", toggle);
  $("step").addEventListener("click", step);
  $("restart").addEventListener("click", () => begin(true));
  $("save").addEventListener("click", () => save().catch((error) => fail(failureOf(error))));
  $("copy").addEventListener("click", copyLink);
  $("retry").addEventListener("click", retry);
  $("view").addEventListener("change", (/** @type {any} */ event) => setView(event.target.value));
  $("pace").addEventListener("change", () => (run.pace = controls.pace));
  lessMotion.addEventListener("change", () => (run.calm = lessMotion.matches));

  addEventListener("keydown", (event) => {
    if (!engine || failed || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.closest("input:not([type=radio], [type=checkbox]), select, textarea");
    // Space presses whatever button has the focus, and turns the page elsewhere.
    const own = typing || target.closest("button, a, summary, input");
    if (event.key === " " && !own) toggle();
    else if (event.key === "." && !typing) step();
    else if (event.key === "r" && !typing && !event.repeat) begin(true);
    else return;
    event.preventDefault();
  });

  // A panic in Rust: first its text, from the hook; then a RuntimeError, which reaches nobody else.
  addEventListener("ncsn-panic", (/** @type {any} */ event) => fail(panic(String(event.detail))));
  addEventListener("error", (event) => {
    if (event.error && !/^(chrome|moz|safari)\S*-extension:/.test(event.filename)) fail(failureOf(event.error));
  });
  addEventListener("unhandledrejection", (event) => fail(failureOf(event.reason)));
}

// ── Opening ────────────────────────────────────────────────────────────────

/** @param {"program" | "model"} what @returns {(loaded: number, total: number) => void} */
function gauge(what) {
  return (loaded, total) => {
    const bar = $(`load-${what}`);
    if (total) {
      bar.max = total;
      bar.value = loaded;
    } else bar.removeAttribute("value");
    $(`load-${what}-text`).textContent = ofBytes(loaded, total);
  };
}

/** @param {{ name: string, software: boolean }} found */
function showAdapter({ name, software }) {
  $("adapter").textContent = software ? `${name}, in software: slow` : name;
}

async function open() {
  setStatus("loading", "Loading…");
  const cancel = new AbortController();
  // Both downloads and the look at the GPU begin at once; the first to fail is told.
  const adapter = probe();
  adapter.then(showAdapter, () => ($("adapter").textContent = "none to use"));
  const all = Promise.all([loadProgram(gauge("program")), fetchModel(modelUrl.href, gauge("model"), cancel.signal), adapter]);
  all.catch(() => cancel.abort());
  const [bindings, bytes] = await all;
  setStatus("loading", "Preparing the GPU…");
  try {
    engine = await bindings.Engine.create(bytes);
  } catch (error) {
    throw failureOf(error, (message) => badModel(modelUrl.href, message));
  }
  if (failed) return;

  const card = engine.card();
  showCard(card);
  document.title = `${card.name}: pictures out of noise`;
  controls.open(card.sampler, link);
  run.pace = controls.pace;
  run.calm = lessMotion.matches;
  if (link.get("view") === "denoised") setView("denoised");
  $("loading").hidden = true;
  for (const id of ["start", "step", "restart", "save", "copy", "recommended", "view"]) $(id).disabled = false;
  setStatus("ready", "Ready");
  // To those who asked for less motion nothing moves by itself.
  const auto = link.get("autostart") ?? (lessMotion.matches ? "0" : "1");
  begin(auto !== "0");
}

observeDevices({ onAdapter: showAdapter, onFailure: fail });
// First, so that what concerns the download of the program is heard there and not taken for a panic.
open().catch((error) => fail(failureOf(error)));
listen();
