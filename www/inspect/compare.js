// @ts-check
/**
 * The same seed under several samplers, side by side and in step: after each frame all have gone the same part of
 * their way. The page fetches this when the visitor asks for it.
 */
import { paintGrid, sizeOf } from "../view/arrange.js";
import { dialogOf, isDialogOpen, styleDialogs } from "../dom/dialog.js";
import { $, element } from "../dom/dom.js";
import { countOf, formatSigma } from "../dom/format.js";
import { wrongImages } from "../failures/failures.js";
import { restDuring } from "../run/rest.js";
import { settingsFor } from "../settings/suited.js";
import { run } from "../page/page.js";
import { lessMotion, state } from "../state/state.js";
import { addStyleSheet } from "../dom/style-sheet.js";

/** @typedef {import("../engine/engine.js").Chains} Chains */
/** @typedef {import("../types.js").SamplerName} SamplerName */

const FEWEST = 2;
const MOST = 4;
/** How many images of each sampler there are in a row and in a column. */
const ACROSS = 2;
/** How images are arranged, with one pixel between them. */
const GRID = { columns: ACROSS, rows: ACROSS, gap: 1 };
/** The samplers to begin with, besides the page's own: they differ from each other. @type {SamplerName[]} */
const FIRST = ["heun", "unipc", "ancestral"];
/** About how many frames a comparison has. */
const FRAMES = 60;

/** Opens the view. */
export async function compareSamplers() {
  await Promise.all([styleDialogs(), addStyleSheet("inspect/compare.css")]);
  if (!state.made || !state.engine) throw new Error("There are no images yet.");
  if (isDialogOpen()) return;
  new Comparison(state.made).open();
}

/** One sampler: its images, and how far they are. */
class Column {
  root = element("article");
  select = element("select");
  remove = element("button", "×", { type: "button", className: "icon", title: "Remove" });
  #canvas = element("canvas");
  #context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d"));
  #track = element("div", "", { className: "track" });
  #evaluations = element("span");
  #output = element("output");
  /** @type {Chains | undefined} */ #chains;

  /** @param {SamplerName} sampler @param {() => void} changed */
  constructor(sampler, changed) {
    this.select.append(
      ...[.../** @type {HTMLSelectElement} */ ($("sampler")).options]
        // That sampler has weights of its own.
        .filter(({ value }) => value !== "consistency")
        .map(({ text, value }) => new Option(text, value)),
    );
    this.select.value = sampler;
    this.select.setAttribute("aria-label", "Sampler");
    this.select.addEventListener("change", changed);
    const field = element("span", "", { className: "field" });
    field.append(this.select);
    const head = element("div", "", { className: "head" });
    head.append(field, this.remove);
    const frame = element("div", "", { className: "compared-frame" });
    frame.append(this.#canvas);
    this.#canvas.setAttribute("role", "img");
    // It changes with every frame.
    this.#output.setAttribute("aria-live", "off");
    this.#track.append(element("i"));
    this.#track.setAttribute("aria-hidden", "true");
    const reading = element("p", "", { className: "reading" });
    reading.append(this.#evaluations, this.#output);
    this.root.append(head, frame, this.#track, reading);
  }

  get steps() {
    return this.#chains?.progress().steps ?? 0;
  }

  /** Begins at the noise. @param {import("../state/state.js").Made} made */
  async start(made) {
    const { engine, loaded } = state;
    if (!engine || !loaded) return;
    const sampler = this.select.value;
    const settings =
      made.settings.sampler === sampler
        ? made.settings
        : settingsFor(sampler, loaded.card, loaded.model);
    if (engine.weights !== loaded.bytes) await engine.load(loaded.bytes);
    const { seed, drawing, strength, options } = made;
    this.#chains = await engine.start(settings, seed, ACROSS ** 2, drawing, strength, options);
    const name = this.select.selectedOptions[0].text;
    this.#canvas.setAttribute("aria-label", `Images by ${name}`);
    this.remove.setAttribute("aria-label", `Remove ${name}`);
    this.#evaluations.textContent = countOf(this.steps, "evaluation");
    await this.#show();
  }

  /** Goes on to a part of its way. @param {number} fraction @returns {Promise<string | undefined>} what is wrong at the end, if anything */
  async advance(fraction) {
    const chains = this.#chains;
    if (!chains) return undefined;
    const { step, steps } = chains.progress();
    const next = Math.round(fraction * steps);
    if (next <= step) return undefined;
    await chains.advance(next - step);
    await this.#show();
    const fault = chains.progress().done ? await chains.verify() : undefined;
    return fault && wrongImages(fault).text;
  }

  async #show() {
    const chains = /** @type {Chains} */ (this.#chains);
    const { step, steps, sigma, done } = chains.progress();
    // For visitors who asked for less motion, only the beginning and the end are shown.
    if (!lessMotion.matches || step === 0 || done) await this.#paint(chains);
    this.#track.style.setProperty("--done", String(step / steps));
    this.root.style.setProperty("--coldness", `${((100 * step) / steps).toFixed(1)}%`);
    this.#output.textContent = done ? "done" : `σ = ${formatSigma(sigma)}`;
  }

  /** @param {Chains} chains */
  async #paint(chains) {
    const pixels = await chains.pixels("noisy");
    const { width, height } = /** @type {any} */ (state.loaded).card.image_shape;
    const [w, h] = sizeOf({ ...GRID, width, height });
    if (this.#canvas.width !== w || this.#canvas.height !== h)
      Object.assign(this.#canvas, { width: w, height: h });
    const images = new ImageData(/** @type {any} */ (pixels), width, height * ACROSS ** 2);
    paintGrid(this.#context, images, height, GRID);
  }

  free() {
    this.#chains?.free();
    this.#chains = undefined;
  }
}

class Comparison {
  #made;
  /** @type {Column[]} */ #columns = [];
  #list = element("div", "", { className: "compared" });
  #status = element("p", "", { className: "hint" });
  #more = element("button", "Add a sampler", { type: "button", id: "compare-more" });
  #again = element("button", "Run again", { type: "button", id: "compare-again" });
  /** Rises with every new comparison: work on an older one ends. */ #generation = 0;
  #dialog;

  /** @param {import("../state/state.js").Made} made what the images on the screen are made with */
  constructor(made) {
    this.#made = made;
    this.#status.setAttribute("role", "status");
    const own = made.settings.sampler;
    const others = FIRST.filter((sampler) => sampler !== own);
    const first = own === "consistency" ? others : [own, ...others];
    for (const sampler of first.slice(0, FEWEST)) this.#add(sampler);
    this.#more.addEventListener("click", () => {
      const used = this.#columns.map(({ select }) => select.value);
      const options = [...this.#columns[0].select.options].map(({ value }) => value);
      this.#add([...FIRST, ...options].find((sampler) => !used.includes(sampler)));
      // A button that is disabled loses the focus.
      if (this.#more.disabled) this.#columns.at(-1)?.select.focus();
      this.#run();
    });
    this.#again.addEventListener("click", () => this.#run());
    const actions = element("div", "", { className: "actions" });
    actions.append(this.#again, this.#more);
    const ofClass = made.ofClass ? `, class “${made.ofClass.label}”` : "";
    const onDrawing = made.drawing ? " on the same drawing" : "";
    const text = `The first ${ACROSS ** 2} images of seed ${made.seed}${ofClass}: all samplers begin at the same noise${onDrawing}, and are shown at the same part of their way, however many evaluations of the network it takes.`;
    this.#dialog = dialogOf("side-by-side", "Samplers side by side", [
      element("p", text, { className: "hint" }),
      this.#list,
      actions,
      this.#status,
    ]);
    this.#dialog.addEventListener("close", () => {
      this.#generation++;
      this.#dialog.remove();
      this.#free();
    });
  }

  open() {
    restDuring(run, this.#dialog);
    this.#dialog.showModal();
    this.#run();
  }

  /** @param {any} sampler */
  #add(sampler) {
    const column = new Column(sampler, () => this.#run());
    column.remove.addEventListener("click", () => {
      this.#columns = this.#columns.filter((other) => other !== column);
      column.root.remove();
      run.turn(async () => column.free()).catch(console.warn);
      this.#limit();
      this.#columns[0].select.focus();
    });
    this.#columns.push(column);
    this.#list.append(column.root);
    this.#limit();
  }

  /** Allows from two to four. */
  #limit() {
    this.#more.disabled = this.#columns.length >= MOST;
    for (const { remove } of this.#columns) remove.disabled = this.#columns.length <= FEWEST;
  }

  /** Runs all of them from the start. */
  async #run() {
    const generation = ++this.#generation;
    const { engine } = state;
    const current = () => generation === this.#generation && state.engine === engine;
    // A column that was removed meanwhile is not started: its chains would never be freed.
    const goes = (/** @type {Column} */ column) => current() && this.#columns.includes(column);
    /** @param {(column: Column) => Promise<any>} act on each, between pieces of other work @returns {Promise<any[]>} */
    const each = async (act) => {
      const results = [];
      for (const column of this.#columns)
        results.push(await run.turn(async () => (goes(column) ? act(column) : undefined)));
      return results;
    };
    this.#status.textContent = "";
    try {
      await each(async (column) => {
        column.free();
        await column.start(this.#made);
      });
      const most = Math.max(...this.#columns.map(({ steps }) => steps));
      const frames = Math.min(FRAMES, most);
      for (let frame = 1; frame <= frames && current(); frame++) {
        await new Promise((next) => requestAnimationFrame(next));
        const faults = (await each((column) => column.advance(frame / frames))).filter(Boolean);
        if (faults.length) throw new Error(faults[0]);
      }
      if (current()) this.#status.textContent = "Done.";
    } catch (error) {
      if (current()) this.#status.textContent = /** @type {Error} */ (error).message;
    }
  }

  #free() {
    for (const column of this.#columns) run.turn(async () => column.free()).catch(console.warn);
  }
}
