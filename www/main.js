// @ts-check
/** Start-up: fetches what the page needs, and begins the first run. */
import { listen } from "./app/actions.js";
import { checksumOfWeights, isOf } from "./model/checksum.js";
import { $ } from "./dom/dom.js";
import { isEngine } from "./engine/engine.js";
import { badModel, failureOf, unsupported } from "./failures/failures.js";
import { openLink } from "./app/link-contents.js";
import { fetchModel } from "./model/model.js";
import { modelSource } from "./model/source.js";
import {
  begin,
  controls,
  engines,
  fail,
  fatalErrors,
  leaveAddress,
  refuse,
  run,
  use,
} from "./page/page.js";
import { offerImages } from "./inspect/single-images.js";
import { lessMotion, link, modelLabel, fewStepUrl, state } from "./state/state.js";
import { complainToo, gauge, markModel, setConsole, setStatus } from "./view/view.js";
import { loadWasmModule } from "./engine/wasm-module.js";

// This text says that the scripts have not started.
$("stuck")?.remove();
markModel();

/** Settles when a visitor scrolls below the workspace; what is there is fetched only then. */
const nearby = new Promise((come) => {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    watch.disconnect();
    come(null);
  });
  // The whole section, since a jump to its end skips the title.
  watch.observe($("how"));
});
nearby
  .then(() => import("./story/how-it-works.js"))
  .then(({ show }) => show())
  .catch(console.warn);

/** The longest wait for the first frame, in milliseconds. */
const FRAME_MS = 3000;

/** Settles when the page’s text can be read, which starting an engine would delay on slow devices. Hidden pages have no frames. */
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
  const source = modelSource(cancel.signal);
  const fetching = source.then(({ url, ask }) =>
    fetchModel(url, gauge("model"), cancel.signal, onHead, ask),
  );
  const all = Promise.all([loading, fetching]);
  all.catch(() => cancel.abort());
  const [wasmModule, bytes] = await all;
  const { url, keep } = await source;
  try {
    const model = new wasmModule.Model(bytes);
    state.loaded = { wasmModule, bytes, model, card: model.card(), sum: checksumOfWeights(bytes) };
    keep?.(bytes);
  } catch (error) {
    throw failureOf(error, (message) => badModel(url, message));
  }
  const { card } = state.loaded;
  nearby
    .then(() => import("./model/card.js"))
    .then(({ showCard }) => showCard($("card"), card, modelLabel))
    .catch(console.warn);
  document.title = `${modelLabel ?? card.name}: images out of noise`;
  setStatus("loading", "Preparing the engine…");
  const first = await engines.first();
  if (fatalErrors.failure) return;

  use(first);
  run.calm = lessMotion.matches;
  // For an engine on a GPU, the adapter is there by now.
  const slow = first.name === "cpu" || (await engines.adapter).software;
  let trouble = await openLink(slow);
  run.speed = controls.speed;
  const lack =
    first.name === "cpu" && !isEngine(link.get("engine"))
      ? await engines.adapter.then(() => null, failureOf)
      : null;
  // The GPU may have been lost meanwhile.
  if (fatalErrors.failure) return;
  if (lack?.kind === "no-answer") trouble ||= `${lack.message} So the CPU does the work.`;
  $("loading").hidden = true;
  setStatus("ready", "Ready");
  setConsole(true);
  // For visitors who asked for less motion, nothing moves by itself.
  const auto = link.get("autostart") ?? (lessMotion.matches ? "0" : "1");
  begin(auto !== "0");
  leaveAddress();
  offerImages().catch(console.warn);
  if (document.querySelector('link[rel="service-worker"]'))
    import("./app/offline.js").then(({ keepForOffline }) => keepForOffline()).catch(console.warn);
  if (trouble) refuse(trouble);
  // Known only when the weights for few steps have come, or have not, which the page may have said by then.
  if (await hasChanged())
    complainToo("The model’s file has changed since this link was made, and its images may have.");
}

/** Whether the link was made with other weights than those that its images are made with here. */
async function hasChanged() {
  const [sum, { loaded }] = [link.get("of"), state];
  if (!sum || !loaded || isOf(sum, loaded)) return false;
  if (!fewStepUrl || link.get("sampler") !== "consistency") return true;
  // Links from before these weights had a checksum of their own have that of the model.
  const fewStep = await import("./model/few-step-model.js")
    .then(({ fewStepModel }) => fewStepModel())
    .catch(() => null);
  return fewStep !== null && !isOf(sum, fewStep);
}

// First, so that problems with the wasm module's download are caught there and not taken for a panic.
open().catch(fail);
listen();
fatalErrors.listen();
