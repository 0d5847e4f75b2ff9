// @ts-check
/** The page: connects the parts. */
import { Controls } from "./controls.js";
import { FatalErrors } from "./fatal-error.js";
import { createEngine, hasCpu, isEngine, precompile } from "./engine.js";
import { Failure, badModel, failureOf, isTrap, unsupported, panic, refused, wrongImages } from "./failures.js";
import { formatSigma, ofBytes } from "./format.js";
import { canPresent, check, observeDevices, probe } from "./gpu.js";
import { Grid } from "./grid.js";
import { readLink } from "./link.js";
import { fetchModel } from "./model.js";
import { loadWasmModule } from "./wasm-module.js";
import { Run } from "./run.js";
import { SchedulePlot } from "./schedule.js";
import { recall, tuningKey } from "./tuning-cache.js";

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);
// It says that the scripts have not started.
$("stuck")?.remove();
// Before anything asks for a GPU.
observeDevices(fail);
const link = readLink();
/** @param {string} address @returns {string} unchanged if it is invalid: the download will say so */
const absolute = (address) => {
  try {
    return new URL(address, document.baseURI).href;
  } catch {
    return address;
  }
};
/** @type {[any, string][]} the page's own models: links and their addresses */
const models = [...$("models").querySelectorAll("a")].map((a) => [a, absolute(new URL(a.href).searchParams.get("model") ?? "")]);
const modelUrl = absolute(link.get("model") || models[0][1]);
for (const [choice, address] of models) if (address === modelUrl) choice.setAttribute("aria-current", "page");
/** Whether to use f32 everywhere, so that a seed gives the same image on every GPU, up to rounding. */
const exact = link.get("precision") === "f32";
const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * What has been loaded, for any engine.
 * @type {{ wasmModule: import("./engine.js").WasmModule, model: import("./engine.js").Model, card: import("./engine.js").Card, bytes: Uint8Array, sum: string } | null}
 */
let loaded = null;
/** @type {Promise<import("./gpu.js").Found>} */
const adapter = probe();
/** @type {import("./engine.js").Engine | null} null while it changes */
let engine = null;
/** @type {import("./engine.js").EngineName | null} the engine in use, or under way */
let chosen = null;
/** @type {Promise<import("./engine.js").WasmEngine | Failure | undefined> | undefined} the first engine, if it is made before the model is there */
let precompiled;
/** @type {Failure | null} why the CPU's engine did not start */
let withoutCpu = null;
/** @type {import("./engine.js").Progress | null} */
let progress = null;
/** Whether the anneal ends without noise. */
let clean = false;
/** @type {import("./sketch-canvas.js").SketchCanvas | null} the canvas, once somebody draws */
let sketch = null;

/** Settles when a visitor scrolls below the workspace; what is there is fetched only then. */
const nearby = new Promise((come) => {
  const watch = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    watch.disconnect();
    come(null);
  });
  watch.observe($("how-title"));
});
nearby.then(() => import("./toy2d.js")).then(({ show }) => show()).catch(console.warn);

const grid = new Grid($("grid"), $("grid-frame"), () => run.redraw());
const plot = new SchedulePlot($("schedule"));
const run = new Run({
  onState: showState,
  onProgress: showProgress,
  onDraw: (chain, view) => grid.draw(chain, view),
  // What an engine rejects with is an ordinary error.
  onError: (error) => fail(failureOf(error, (message) => (/** @type {any} */ (error)?.constructor === Error ? refused(chosen ?? "fused", message) : panic(message)))),
  onWrong: (fault) => fail(wrongImages(fault)),
  mayExplode: () => controls.bold,
});
const controls = new Controls({ onChange: () => begin(run.state !== "ready" && run.state !== "paused") });

const fatalErrors = new FatalErrors({
  stop: () => run.kill(),
  address: () => (controls.opened ? controls.link(linked()) : location.href),
  usesGpu: () => chosen !== null && chosen !== "cpu",
  async withoutCpu() {
    if (!(await hasCpu())) return "The CPU could do the same, but this copy of the page has no CPU engine. “cargo xtask build” makes one that has.";
    return withoutCpu ? `The CPU’s engine does not start either: ${withoutCpu.text}` : "";
  },
});

/** @param {unknown} error after which nothing continues */
function fail(error) {
  fatalErrors.fail(error);
}

// ── What is on the screen ──────────────────────────────────────────────────

/** @param {string} state @param {string} text */
function setStatus(state, text) {
  $("status").dataset.state = state;
  if ($("status").textContent !== text) $("status").textContent = text;
}

/** @param {import("./run.js").State} state */
function showState(state) {
  if (fatalErrors.failure) return;
  const words = {
    ready: drawing() ? "Your drawing. Start when you like." : "Pure noise. Start when you like.",
    running: "Running",
    paused: "Paused",
    exploded: "The chains have exploded: steps this large never settle. Make them smaller, and run again.",
    finished: progress ? `Done: ${progress.steps} network evaluations an image, ${(run.worked / 1000).toFixed(1)} s of work.` : "Done.",
  };
  setStatus(state, words[state]);
  if (state === "finished") tuneWhileIdle().catch(console.warn);
  $("start-text").textContent = state === "running" ? "Pause" : state === "paused" ? "Resume" : run.over && state !== "ready" ? "Run again" : "Start";
}

/** @param {import("./engine.js").Progress} next */
function showProgress(next) {
  progress = next;
  const sigma = next.done && clean ? 0 : next.sigma;
  $("sigma").textContent = formatSigma(sigma);
  $("step-count").textContent = `${next.step} / ${next.steps}`;
  $("level").textContent = `${Math.min(next.level + 1, next.levels)} / ${next.levels}`;
  const cold = plot.cursor(next.step, sigma);
  document.documentElement.style.setProperty("--coldness", `${(100 * cold).toFixed(1)}%`);
}

function showView() {
  $("caption-view").textContent = run.view === "noisy" ? "x̃, the chains as they stand" : "D(x̃, σ), what the network believes";
}

/** @param {import("./controls.js").Choice} choice */
function showCaption({ seed, chains }) {
  showView();
  $("caption-run").textContent = `${chains} ${chains === 1 ? "chain" : "chains"}, seed ${seed}${drawing() ? ", from a drawing" : ""}`;
}


// ── What a visitor does ────────────────────────────────────────────────────

/** What a link carries besides the settings. */
const linked = () => ({ model: link.get("model"), of: loaded?.sum, view: run.view, engine: isEngine(link.get("engine")) ? $("engine").value : null, precision: exact ? "f32" : null, drawing: drawing()?.text ?? "" });

/** The canvas, if chains start from what is on it and not from pure noise. */
const drawing = () => ($("origin").querySelector(":checked").value === "drawing" && sketch?.used ? sketch : null);
/** From 0 to 1; undefined without a drawing, or if it has holes to fill in. */
const strength = () => (drawing()?.hasHoles === false ? Number($("strength").value) : undefined);

let keeping = 0;

/**
 * Puts the visitor's settings into the address, for reloading, going back and sharing from a phone.
 * It waits a moment, since browsers limit the number of changes.
 */
function keep() {
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

/**
 * Begins a new anneal with the settings of the form, or says what is wrong with them.
 * @param {boolean} go whether to run at once
 * @returns {boolean} whether it began
 */
function begin(go) {
  if (!engine || !loaded || fatalErrors.failure) return false;
  const here = engine;
  const { model, card } = loaded;
  try {
    const choice = controls.read();
    const { height, width } = card.image_shape;
    const [from, far] = [drawing()?.pixels, strength()];
    const sigmas = model.schedule(choice.settings, far);
    const make = async () => {
      try {
        const chain = await here.start(choice.settings, choice.seed, choice.chains, from, far);
        plot.set(sigmas);
        clean = choice.settings.denoise || !choice.settings.sampler.endsWith("langevin");
        grid.shape(choice.chains, width, height);
        return chain;
      } catch (error) {
        refuse(error);
        return null;
      }
    };
    run.restart(make, go);
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
function refuse(error) {
  if (isTrap(error)) return fail(error);
  complain(error instanceof Error ? error.message : String(error));
}

/** @param {string} text */
function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = false;
  $("problem").scrollIntoView({ block: "nearest" });
}

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
function setView(view) {
  run.view = view;
  $("view").querySelector(`[value="${view}"]`).checked = true;
  if (!engine) return;
  showView();
  run.redraw();
}

/**
 * Shows the canvas, which is fetched when first wanted, or hides it.
 * @param {"noise" | "drawing"} origin
 * @throws {Error} if it cannot be fetched
 */
async function setOrigin(origin) {
  const radio = $("origin").querySelector(`[value="${origin}"]`);
  radio.checked = true;
  if (origin === "drawing" && !sketch && loaded) {
    const module = await import("./sketch-canvas.js").catch(() => null);
    // Meanwhile the visitor may have changed their mind.
    if (!radio.checked) return;
    if (!module) {
      setOrigin("noise");
      throw new Error("The canvas did not arrive: chains begin at noise. Reload the page to try again.");
    }
    sketch ??= new module.SketchCanvas(loaded.card, !link.has("strength"), () => begin(true));
    await sketch.styled;
    if (!radio.checked) return;
  }
  $("drawing").hidden = origin === "noise";
  $("grid-frame").classList.toggle("draws", origin === "drawing");
}

/** A click on an image puts it on the canvas. @param {MouseEvent} event */
async function take(event) {
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
  saveAs(file, `ncsn-seed-${$("seed").value.trim()}-step-${progress?.step ?? 0}.png`);
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

function listen() {
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
      if (sketch?.used) begin(true);
    }, refuse);
  });
  $("strength").addEventListener("input", () => drawing() && begin(true));
  $("grid-frame").addEventListener("click", (/** @type {MouseEvent} */ event) => take(event).catch(fail));
  $("engine").addEventListener("change", () => changeEngine().catch(fail));
  $("speed").addEventListener("change", () => {
    run.speed = controls.speed;
    keep();
  });
  // The hash only changes by a link with another drawing.
  addEventListener("hashchange", () => location.reload());
  lessMotion.addEventListener("change", () => (run.calm = lessMotion.matches));

  addEventListener("keydown", (event) => {
    if (!engine || fatalErrors.failure || event.ctrlKey || event.metaKey || event.altKey) return;
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
  });
}

// ── Engines ────────────────────────────────────────────────────────────────

/** What can only be used while there is an engine. */
const CONSOLE = ["start", "step", "restart", "save", "copy", "recommended", "best", "view", "origin", "engine", "settings"];

/**
 * The engine that the link asks for, or else the GPU's if it is worth it: a software adapter does
 * on the CPU what the CPU's own engine does many times as fast.
 * @returns {Promise<import("./engine.js").EngineName>}
 */
async function firstName() {
  const wanted = link.get("engine");
  if (isEngine(wanted)) return wanted;
  const found = await adapter.catch(() => null);
  return !found || found.software ? "cpu" : "fused";
}

/** @returns {Promise<import("./engine.js").Engine>} */
async function firstEngine() {
  const name = await firstName();
  try {
    return await make(name);
  } catch (error) {
    if (name === "fused" || name === link.get("engine")) throw error;
    console.warn(error);
    withoutCpu = failureOf(error);
    return make("fused");
  }
}

/**
 * Precompiles the fused engine while the model's weights are on their way, if it is going to be used.
 * @param {import("./engine.js").WasmModule} wasmModule @param {Uint8Array} head the first bytes of the model
 */
async function firstPrecompiled(wasmModule, head) {
  if ((await firstName()) !== "fused") return undefined;
  chosen = "fused";
  const { name } = await adapter;
  await canPresent();
  return precompile(wasmModule, wasmModule.Model.without_weights(head), exact, recall(tuningKey(name, modelUrl)));
}

/** @param {import("./engine.js").EngineName} name @returns {Promise<import("./engine.js").Engine>} */
async function make(name) {
  if (!loaded) throw new Error("Nothing is loaded yet.");
  chosen = name;
  let [device, tuning, draws] = ["", "", false];
  /** @type {import("./engine.js").WasmEngine | undefined} */
  let ready;
  if (name !== "cpu") {
    const found = await adapter;
    await check(found, name);
    if (name === "fused") {
      const made = await precompiled;
      if (made instanceof Failure) throw made;
      [ready, precompiled] = [made, undefined];
    }
    draws = await canPresent();
    device = found.software ? `${found.name}, in software: slow` : found.name;
    tuning = recall(tuningKey(found.name, modelUrl));
  }
  try {
    return await createEngine(name, { ...loaded, adapter: device, exact, tuning, draws, precompiled: ready, onFailure: fail });
  } catch (error) {
    throw failureOf(error, (message) => refused(name, message));
  }
}

/** Tunes the GPU's engine, but not on a software adapter: that would take up the visitor's CPU. */
async function tuneWhileIdle() {
  const found = await adapter;
  if (!engine?.tune || found.software) return;
  const { tune } = await import("./tuning.js");
  await tune(engine, run, controls.read().chains, tuningKey(found.name, modelUrl), recall);
}

/** @param {import("./engine.js").Engine} next */
function use(next) {
  grid.use(next);
  engine = next;
  chosen = next.name;
  $("engine").value = next.name;
  $("adapter").textContent = next.device;
  for (const id of CONSOLE) $(id).disabled = false;
}

/** Starts the same chains on another engine; if that fails, the present one stays. */
async function changeEngine() {
  const [before, name] = [engine, $("engine").value];
  if (!before || fatalErrors.failure) return;
  const again = run.state !== "ready";
  run.pause();
  engine = null;
  for (const id of CONSOLE) $(id).disabled = true;
  setStatus("loading", "Fetching the engine…");
  try {
    const next = await make(name);
    await run.clear();
    before.free();
    use(next);
    link.set("engine", name);
    begin(again);
  } catch (error) {
    const failure = failureOf(error);
    console.error(failure);
    use(before);
    showState(run.state);
    complain([failure.message, failure.advice[0]].filter(Boolean).join(" "));
  }
  // Being disabled meanwhile, it has lost the focus.
  if (document.activeElement === document.body) $("engine").focus();
}

// ── Opening ────────────────────────────────────────────────────────────────

/** @param {"module" | "model"} what @returns {(loaded: number, total: number) => void} */
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

async function open() {
  // Then `first.js` has said what to do.
  if (location.protocol === "file:") return;
  setStatus("loading", "Loading…");
  // The GPU probe has begun; both downloads start together, and the first to fail is reported.
  adapter.catch(() => {});
  if (!globalThis.WebAssembly) throw await unsupported("noWebAssembly");
  const cancel = new AbortController();
  const loading = loadWasmModule(gauge("module"));
  // If that fails, it is tried again with the whole model, and told.
  const onHead = (/** @type {Uint8Array} */ head) => (precompiled = loading.then((wasmModule) => firstPrecompiled(wasmModule, head)).catch((error) => (error instanceof Failure ? error : undefined)));
  const all = Promise.all([loading, fetchModel(modelUrl, gauge("model"), cancel.signal, onHead)]);
  all.catch(() => cancel.abort());
  const [wasmModule, bytes] = await all;
  try {
    const model = new wasmModule.Model(bytes);
    // The model at an address may change, so links carry a checksum.
    const sum = bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 0).toString(36);
    loaded = { wasmModule, bytes, model, card: model.card(), sum };
  } catch (error) {
    throw failureOf(error, (message) => badModel(modelUrl, message));
  }
  const { card } = loaded;
  nearby.then(() => import("./card.js")).then(({ showCard }) => showCard($("card"), card)).catch(console.warn);
  document.title = `${card.name}: images out of noise`;
  setStatus("loading", "Preparing the engine…");
  const first = await firstEngine();
  if (fatalErrors.failure) return;

  controls.open(card, link, first.name);
  use(first);
  run.speed = controls.speed;
  run.calm = lessMotion.matches;
  if (link.get("view") === "denoised") setView("denoised");
  let trouble = await openDrawing().catch((error) => error);
  const lack = first.name === "cpu" && !isEngine(link.get("engine")) ? await adapter.then(() => null, failureOf) : null;
  if (lack?.kind === "no-answer") trouble ??= `${lack.message} So the CPU does the work.`;
  if (link.get("of") && link.get("of") !== loaded.sum) trouble ??= "The model has changed since this link was made.";
  $("loading").hidden = true;
  setStatus("ready", "Ready");
  // For visitors who asked for less motion, nothing moves by itself.
  const auto = link.get("autostart") ?? (lessMotion.matches ? "0" : "1");
  begin(auto !== "0");
  // So far nobody has set anything.
  clearTimeout(keeping);
  // Say this last, when images are there: they are not those of whoever made the link.
  if (trouble) refuse(trouble);
}

/** Loads the drawing of the link, if it has one. */
async function openDrawing() {
  const far = Number(link.get("strength") ?? NaN);
  if (far >= 0 && far <= 1) $("strength").value = String(far);
  const text = location.hash.slice(1);
  if (!text) return;
  await setOrigin("drawing");
  await sketch?.load(text);
}

// First, so that problems with the wasm module's download are caught there and not taken for a panic.
open().catch(fail);
listen();
fatalErrors.listen();
