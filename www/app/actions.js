// @ts-check
/** What a visitor does. */
import { carryOver } from "../page/carry-over.js";
import { $, isTyping } from "../dom/dom.js";
import { failureOf } from "../failures/failures.js";
import { hasEngine } from "../engine/engine.js";
import { listenToKeys } from "./keys.js";
import { namesPlace } from "../state/link.js";
import { changeOrigin } from "./origin.js";
import { copyLink } from "../save/copy-link.js";
import {
  begin,
  renewSeed,
  controls,
  engines,
  fail,
  fatalErrors,
  giveUpWeights,
  writeAddress,
  live,
  refuse,
  run,
  showState,
  timeline,
  use,
} from "../page/page.js";
import { showLarge } from "../inspect/single-images.js";
import { drawing, lessMotion, link, models, state } from "../state/state.js";
import { complain, setConsole, setStatus, showView } from "../view/view.js";

function toggle() {
  if (run.state === "running") run.pause();
  else if (!run.over) run.start();
  else if (run.offersNew) renewSeed();
  else begin(true);
}

/** Goes on by one step: of the film while an earlier one is shown, or else of the run, if it is not over. */
function step() {
  if (timeline.forward() || run.offersNew) return;
  if (run.over && !begin(false)) return;
  run.step();
}

/** @param {import("../types.js").View} view */
export function setView(view) {
  run.view = view;
  if (!state.engine) return;
  showView(view);
  run.repaint();
}

/**
 * Starts the same chains on another engine; if that fails, the present one stays.
 * @param {HTMLElement} choice what a visitor has changed
 */
async function changeEngine(choice) {
  const [before, name] = [state.engine, $("engine").value];
  if (!before || fatalErrors.failure) return;
  // As with any other change, what rests does not begin by itself.
  const [again, { exact }] = [!run.rests, state];
  state.exact = $("precision").value === "f32";
  run.pause();
  state.engine = null;
  setConsole(false);
  setStatus("loading", "Fetching the engine…");
  try {
    const next = await engines.make(name);
    try {
      giveUpWeights();
      await run.clear();
      // The page may have failed meanwhile.
      if (fatalErrors.failure) return;
      // First see whether the next engine can draw: if not, the present one is still needed.
      setConsole(true);
      use(next);
    } catch (error) {
      next.free();
      throw error;
    }
    before.free();
    link.set("engine", name);
    // Unless `use` has already begun a run, for images that were asked for meanwhile.
    if (run.state === "ready") begin(again);
  } catch (error) {
    if (fatalErrors.failure) return;
    const failure = failureOf(error);
    console.error(failure);
    state.exact = exact;
    setConsole(true);
    use(before);
    showState();
    // Images that a stroke asked for meanwhile hide what was said before they began.
    await live.settled;
    complain([failure.message, failure.advice[0]].filter(Boolean).join(" "));
  }
  // The field was disabled meanwhile and lost the focus.
  if (document.activeElement === document.body) choice.focus();
}

/** Removes engines that this copy of the page does not have from the list. */
async function offerEngines() {
  for (const option of [...$("engine").options])
    if (!option.selected && !(await hasEngine(option.value))) option.remove();
}

/** Uses a file that was dropped or pasted. @param {File} file */
function takeFile(file) {
  import("./files.js").then(({ take }) => take(file)).catch(refuse);
}

/** From now on takes files that are dropped anywhere on the page, or pasted. */
function listenToFiles() {
  const drops = (/** @type {boolean} */ on) =>
    document.documentElement.classList.toggle("drops", on);
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drops(true);
  });
  addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || drops(false));
  addEventListener("drop", (event) => {
    drops(false);
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    takeFile(file);
  });
  addEventListener("paste", ({ clipboardData, target }) => {
    const file = clipboardData?.files[0];
    // What is copied from a spreadsheet is text for a field, and comes with an image of it.
    if (file && !isTyping(target)) takeFile(file);
  });
}

/** Measures what is shown, if the visitor has opened the plots. */
async function showMeasures() {
  if (!$("measures").open) return state.measures?.stop();
  if (!state.loaded) return;
  const { Measures } = await import("../inspect/measures.js");
  state.measures ??= new Measures();
  await state.measures.measure();
  state.measures.cursor(state.progress?.step ?? 0);
}

/**
 * A link to another model takes along what suits every model, and the drawing.
 * @param {HTMLAnchorElement} choice @param {string} href where it leads without these
 */
function takeAlong(choice, href) {
  const url = new URL(href);
  carryOver(url);
  url.hash = drawing()?.text ?? "";
  choice.href = url.href;
}

/** From now on does what a visitor asks for. */
export function listen() {
  for (const [choice] of models) {
    const { href } = choice;
    // Links are also opened by the middle button, and from the menu of the right one.
    for (const event of ["click", "auxclick", "contextmenu"])
      choice.addEventListener(event, () => takeAlong(choice, href));
  }
  $("start").addEventListener("click", toggle);
  $("step").addEventListener("click", step);
  $("restart").addEventListener("click", () => begin(true));
  $("draw").addEventListener("click", (/** @type {MouseEvent} */ { detail }) =>
    changeOrigin(
      $("draw").getAttribute("aria-pressed") === "true" ? "noise" : "drawing",
      // Keys click without a count.
      detail === 0,
    ),
  );
  $("save").addEventListener("click", () =>
    import("../save/saving.js").then(({ save }) => save()).catch(refuse),
  );
  $("more").addEventListener("click", () =>
    import("../save/saving.js").then(({ offerMore }) => offerMore()).catch(refuse),
  );
  $("copy").addEventListener("click", () => copyLink().catch(refuse));
  $("view").addEventListener("change", (/** @type {any} */ event) => {
    setView(event.target.value);
    writeAddress();
  });
  $("origin").addEventListener("change", (/** @type {any} */ event) =>
    changeOrigin(event.target.value),
  );
  $("strength").addEventListener("input", () => drawing() && live.ask());
  for (const id of ["engine", "precision"])
    $(id).addEventListener("change", () => changeEngine($(id)).catch(fail));
  $("advanced").addEventListener("toggle", offerEngines, { once: true });
  $("measures").addEventListener("toggle", () => showMeasures().catch(refuse));
  $("speed").addEventListener("change", () => {
    run.speed = controls.speed;
    writeAddress();
  });
  $("own-model").addEventListener("click", () =>
    import("../page/open-model.js").then(({ openOwnDialog }) => openOwnDialog()).catch(refuse),
  );
  $("compare-samplers").addEventListener("click", () =>
    import("../inspect/compare.js").then(({ compareSamplers }) => compareSamplers()).catch(refuse),
  );
  for (const button of document.querySelectorAll("#train, [data-train]"))
    button.addEventListener("click", () =>
      import("../train/panel.js").then(({ openTraining }) => openTraining()).catch(refuse),
    );
  listenToFiles();
  // A link with another drawing may differ from the present one only in its hash.
  // Going back from a paper leads to the drawing that is shown already, or to no hash at all.
  addEventListener("hashchange", () => {
    const hash = location.hash.slice(1);
    if (!namesPlace() && hash !== (drawing()?.text ?? "")) location.reload();
  });
  lessMotion.addEventListener("change", () => (run.calm = lessMotion.matches));
  listenToKeys(
    [
      { key: "n", name: "new images: another seed", act: renewSeed },
      { key: " ", name: "start, pause, or new images at the end", act: toggle, own: true },
      { key: ".", name: "one step", act: step, repeats: true },
      { key: "r", name: "restart with the same seed", act: () => begin(true) },
      { key: "b", name: "play backwards", act: () => $("backwards").click() },
      {
        key: "e",
        name: "enlarge an image: the one that the arrow keys have come to",
        act: () => showLarge(),
      },
      { key: "d", name: "draw, or go back to noise", act: () => $("draw").click() },
    ],
    () => state.engine !== null && controls.hasSettings && !fatalErrors.failure,
  );
}
