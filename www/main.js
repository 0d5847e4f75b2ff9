// @ts-check
/** Start-up: fetches what the page needs, and begins the first anneal. */
import { listen, setView } from "./actions.js";
import { $ } from "./dom.js";
import { isEngine } from "./engine.js";
import { badModel, failureOf, unsupported } from "./failures.js";
import { fetchModel } from "./model.js";
import { setOrigin, suitSettings } from "./origin.js";
import {
  begin,
  controls,
  engines,
  fail,
  fatalErrors,
  keepNothing,
  refuse,
  renew,
  run,
  use,
} from "./session.js";
import { offerImages } from "./single-images.js";
import { lessMotion, link, modelLabel, modelUrl, ownName, quickUrl, state } from "./state.js";
import { gauge, markModel, setStatus } from "./view.js";
import { loadWasmModule } from "./wasm-module.js";

// It says that the scripts have not started.
$("stuck")?.remove();
markModel();

/** Settles when a visitor scrolls below the workspace; what is there is fetched only then. */
const nearby = new Promise((come) => {
  const watch = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    watch.disconnect();
    come(null);
  });
  watch.observe($("how-title"));
});
nearby
  .then(() => import("./how-it-works.js"))
  .then(({ show }) => show())
  .catch(console.warn);

/** The longest wait for the first frame, in milliseconds. */
const FRAME_MS = 3000;

/** Settles when the page’s text can be read: starting an engine would delay that on slow devices. Hidden pages have no frames. */
const painted = async () => {
  if (document.hidden) return;
  await new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, FRAME_MS);
  });
};

async function open() {
  // Then `first.js` has said what to do.
  if (location.protocol === "file:") return;
  setStatus("loading", "Loading…");
  await painted();
  // The GPU probe has begun; both downloads start together, and the first to fail is reported.
  if (!globalThis.WebAssembly) throw await unsupported("noWebAssembly");
  const cancel = new AbortController();
  const loading = loadWasmModule(gauge("module"));
  const onHead = (/** @type {Uint8Array} */ head) => engines.precompile(loading, head);
  const source = sourceOf(cancel.signal);
  const fetching = source.then(({ url, ask }) =>
    fetchModel(url, gauge("model"), cancel.signal, onHead, ask),
  );
  const all = Promise.all([loading, fetching]);
  all.catch(() => cancel.abort());
  const [wasmModule, bytes] = await all;
  const { url, keep } = await source;
  try {
    const model = new wasmModule.Model(bytes);
    // The model at an address may change, so links carry a checksum.
    const sum = checksum(bytes);
    state.loaded = { wasmModule, bytes, model, card: model.card(), sum };
    keep?.(bytes);
  } catch (error) {
    throw failureOf(error, (message) => badModel(url, message));
  }
  const { card, sum } = state.loaded;
  nearby
    .then(() => import("./card.js"))
    .then(({ showCard }) => showCard($("card"), card))
    .catch(console.warn);
  document.title = `${modelLabel ?? card.name}: images out of noise`;
  setStatus("loading", "Preparing the engine…");
  const first = await engines.first();
  if (fatalErrors.failure) return;

  // A link to images of few steps needs the weights for these.
  if (link.get("sampler") === "consistency" && quickUrl)
    await (await import("./quick-model.js")).quickModel();
  const { model } = state.loaded;
  const unusable = controls.open(
    card,
    wasmModule.sampler_parameters(),
    link,
    first.name,
    (settings) => model.schedule(settings),
  );
  use(first);
  run.speed = controls.speed;
  run.calm = lessMotion.matches;
  if (link.get("view") === "denoised") setView("denoised");
  let trouble = await openClasses(card);
  trouble ??= await openDrawing().catch((error) => error);
  if (unusable) trouble ??= unusable;
  const lack =
    first.name === "cpu" && !isEngine(link.get("engine"))
      ? await engines.adapter.then(() => null, failureOf)
      : null;
  if (lack?.kind === "no-answer") trouble ??= `${lack.message} So the CPU does the work.`;
  if (link.get("of") && link.get("of") !== sum)
    trouble ??= "The model has changed since this link was made.";
  $("loading").hidden = true;
  setStatus("ready", "Ready");
  // For visitors who asked for less motion, nothing moves by itself.
  const auto = link.get("autostart") ?? (lessMotion.matches ? "0" : "1");
  begin(auto !== "0");
  keepNothing();
  offerImages().catch(console.warn);
  if (document.querySelector('link[rel="service-worker"]'))
    import("./offline.js").then(({ keepForOffline }) => keepForOffline()).catch(console.warn);
  // Say this last, when images are there: they are not those of whoever made the link.
  if (trouble) refuse(trouble);
}

/** @param {Uint8Array} bytes of a model file: a call for each of them would take seconds */
function checksum(bytes) {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum = (Math.imul(sum, 31) + bytes[at]) | 0;
  return sum.toString(36);
}

/**
 * Where the model comes from: an address, a file that the visitor has opened, or a hub.
 * @param {AbortSignal} signal
 * @returns {Promise<{ url: string, ask?: () => Promise<Response>, keep?: (bytes: Uint8Array<ArrayBuffer>) => void }>}
 */
async function sourceOf(signal) {
  const name = ownName;
  if (name !== null)
    return {
      url: modelUrl,
      ask: async () => (await import("./own-models.js")).ownModel(name),
    };
  if (!modelUrl.startsWith("hf:")) return { url: modelUrl };
  return (await import("./hub-model.js")).hubModel(modelUrl, signal);
}

/**
 * Offers the classes of the model, if it has any.
 * @param {import("./engine.js").Card} card
 * @returns {Promise<any>} what of the link cannot be used
 */
async function openClasses({ classes }) {
  if (!classes?.length) return;
  const { ClassChips } = await import("./class-chips.js");
  const again = () => renew(run.state !== "ready" && run.state !== "paused");
  state.classes = new ClassChips(classes, link, again);
  return state.classes.trouble;
}

/** Loads the drawing of the link, if it has one. */
async function openDrawing() {
  const far = Number(link.get("strength") ?? NaN);
  if (far >= 0 && far <= 1) $("strength").value = String(far);
  const text = location.hash.slice(1);
  if (!text) return;
  await setOrigin("drawing");
  const keep = $("keep").querySelector(`[value="${CSS.escape(link.get("keep") ?? "")}"]`);
  if (keep && !keep.disabled) keep.selected = true;
  await state.sketch?.load(text);
  // It comes from another model's page.
  if (!link.has("sampler")) suitSettings("drawing").catch(refuse);
}

// First, so that problems with the wasm module's download are caught there and not taken for a panic.
open().catch(fail);
listen();
fatalErrors.listen();
