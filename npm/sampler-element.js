// @ts-check
/** The element `<ncsn-sampler>`: images that emerge from noise when they come into sight. */
import { randomSeed } from "../www/settings/seed.js";
import {
  ATTRIBUTES,
  SOURCES,
  addressOf,
  classesIn,
  optionsOf,
  setEarlyProperties,
} from "./element-attributes.js";
import { ElementView } from "./element-view.js";
import { NcsnError, messageOf } from "./errors.js";
import { shareModel } from "./shared-models.js";

/** @typedef {import("./element.js").NcsnSamplerElement["state"]} State */

/** Errors after which a model is of no use, also to the other elements that have it. */
const GONE = ["device-lost", "out-of-memory", "disposed"];

/** How far below the window an element may be when it begins to load. */
const NEAR = "200px";

/** @type {Record<State, string>} what the button does */
const LABELS = {
  idle: "Start",
  loading: "Loading…",
  running: "Pause",
  paused: "Resume",
  finished: "New images",
  failed: "Try again",
};

// On a server, which imports this to render pages, there are no elements.
const Base = globalThis.HTMLElement ?? class {};

export class NcsnSamplerElement extends Base {
  static observedAttributes = ATTRIBUTES;

  /** @type {ElementView} */ #view;
  /** @type {State} */ #state = "idle";
  /** @type {import("./frame.js").Frame | null} */ #frame = null;
  /** What is under way, until it is aborted. @type {AbortController | null} */ #run = null;
  /** @type {ReturnType<typeof shareModel> | null} */ #shared = null;
  /** The model, once its loading was announced by an event. @type {import("./model.js").Model | null} */
  #model = null;
  /** The seed of the latest images. @type {bigint | undefined} */ #seed;
  /** What the images are, unless the page says it. */
  #caption = "";
  /** While it is in a page, or being moved. @type {IntersectionObserver | null} */ #sight = null;
  #inSight = false;
  #paused = false;
  /** Whether it was told to play when it was in no page. */
  #wanted = false;
  /** Whether a restart for changed attributes is queued already. */
  #changed = false;
  /** Wakes a run that waits. */
  #wake = () => {};

  constructor() {
    super();
    this.#view = new ElementView(this.attachShadow({ mode: "open" }));
    this.#view.button.addEventListener("click", () => this.#press());
    this.#set("idle");
  }

  connectedCallback() {
    setEarlyProperties(this);
    if (this.#sight) {
      // It was only moved. Meanwhile it may have been told to play, or to play by itself.
      if (this.#wanted) this.play();
      else this.#playByItself();
      return;
    }
    this.#view.follow(true);
    this.#sight = new IntersectionObserver(
      (entries) => {
        this.#inSight = entries[entries.length - 1].isIntersecting;
        this.#playByItself();
        this.#wake();
      },
      { rootMargin: NEAR },
    );
    this.#sight.observe(this);
    if (this.#wanted) this.play();
  }

  disconnectedCallback() {
    // An element that is moved is in a page again by then, and goes on.
    queueMicrotask(() => {
      if (!this.isConnected) this.#leave();
    });
  }

  /** In another document, it begins anew. */
  adoptedCallback() {
    this.#leave();
  }

  #leave() {
    this.#sight?.disconnect();
    this.#sight = null;
    this.#inSight = false;
    this.#view.follow(false);
    this.#stop();
    this.#release();
    this.#view.clear();
    this.#set("idle");
  }

  /** An element that is only moved goes on. */
  connectedMoveCallback() {}

  attributeChangedCallback(
    /** @type {string} */ name,
    /** @type {string | null} */ before,
    /** @type {string | null} */ after,
  ) {
    if (before === after) return;
    if (name === "seed") this.#seed = undefined;
    if (name === "aria-label") return this.#view.label(this.#label());
    if (!this.#sight || (name === "class" && !this.#asksAnew(before, after))) return;
    if (name === "autoplay") return this.#playByItself();
    if (SOURCES.includes(name)) {
      this.#stop();
      this.#release();
    }
    if (this.#changed) return;
    // Several may change at a time.
    this.#changed = true;
    queueMicrotask(() => {
      this.#changed = false;
      if (!this.isConnected) return;
      if (this.#state === "idle") this.#playByItself();
      else if (this.model) this.#begin(undefined, this.#paused);
      else this.#set("idle");
    });
  }

  get model() {
    return this.getAttribute("model") ?? "";
  }
  set model(address) {
    this.#reflect("model", address);
  }
  get count() {
    return Number(this.getAttribute("count") ?? 16);
  }
  set count(count) {
    this.#reflect("count", count);
  }
  get steps() {
    return Number(this.getAttribute("steps") ?? 0);
  }
  set steps(steps) {
    this.#reflect("steps", steps || "");
  }
  /** @returns {string} */
  get seed() {
    return this.getAttribute("seed") ?? "";
  }
  /** @param {string | number | bigint} seed */
  set seed(seed) {
    this.#reflect("seed", seed);
  }
  get hub() {
    return this.getAttribute("hub") ?? "";
  }
  set hub(address) {
    this.#reflect("hub", address);
  }
  get wasm() {
    return this.getAttribute("wasm") ?? "";
  }
  set wasm(address) {
    this.#reflect("wasm", address);
  }
  get classes() {
    return this.getAttribute("classes") ?? "";
  }
  set classes(names) {
    this.#reflect("classes", names);
  }
  get sampler() {
    return /** @type {import("./types.js").SamplerName | ""} */ (
      this.getAttribute("sampler") ?? ""
    );
  }
  set sampler(name) {
    this.#reflect("sampler", name);
  }
  get guidance() {
    return Number(this.getAttribute("guidance") ?? 1);
  }
  set guidance(weight) {
    this.#reflect("guidance", weight);
  }
  get autoplay() {
    return this.hasAttribute("autoplay");
  }
  set autoplay(on) {
    this.toggleAttribute("autoplay", on);
  }
  get controls() {
    return this.hasAttribute("controls");
  }
  set controls(on) {
    this.toggleAttribute("controls", on);
  }
  get state() {
    return this.#state;
  }
  get frame() {
    return this.#frame;
  }

  play() {
    this.#paused = false;
    // Outside of a page, a run that seems to go on may be about to end.
    this.#wanted = !this.isConnected;
    if (this.#state === "paused") {
      this.#set("running");
      this.#wake();
    } else if (this.#state !== "loading" && this.#state !== "running") this.#begin();
  }

  pause() {
    this.#paused = true;
    this.#wanted = false;
    if (this.#state === "running") this.#set("paused");
  }

  /** @param {{ sameSeed?: boolean }} [options] */
  restart({ sameSeed = false } = {}) {
    this.#paused = false;
    this.#begin(sameSeed ? this.#seed : randomSeed());
  }

  /** @param {string} [type] */
  async toBlob(type) {
    return this.#frame?.toBlob({ type, scale: 4 }) ?? null;
  }

  /** Sets an attribute, or removes it if nothing is given. @param {string} name @param {string | number | bigint | null | undefined} value */
  #reflect(name, value) {
    if (value != null && value !== "") this.setAttribute(name, String(value));
    else this.removeAttribute(name);
  }

  /** Whether another `class` asks for other classes of the model. @param {string | null} before @param {string | null} after */
  #asksAnew(before, after) {
    if (!this.#model || this.hasAttribute("classes")) return false;
    const { card } = this.#model;
    return String(classesIn(before, card)) !== String(classesIn(after, card));
  }

  /** Plays without being told to. A page may still be about to name the model. */
  #playByItself() {
    if (!this.isConnected || !this.autoplay || !this.model) return;
    if (this.#inSight && this.#state === "idle") this.play();
  }

  #press() {
    if (this.#state === "loading") return;
    if (this.#state === "running") this.pause();
    else if (this.#state === "finished") this.restart();
    else this.play();
  }

  /**
   * Begins a run in place of the current one.
   * @param {bigint} [seed] the attribute's unless given @param {boolean} [paused]
   */
  #begin(seed, paused = false) {
    this.#stop();
    this.#paused = paused;
    // Outside of a page nothing runs; it begins once it gets there.
    this.#wanted = !this.isConnected;
    if (this.#wanted) return this.#set("idle");
    if (!this.model)
      return this.#fail(new NcsnError("bad-address", "The attribute `model` is missing."));
    const run = (this.#run = new AbortController());
    this.#sample(run.signal, seed).catch((error) => {
      // A run that was stopped on purpose has not failed.
      if (run.signal.aborted) return;
      this.#fail(error);
    });
  }

  /** @param {AbortSignal} signal @param {bigint} [seed] */
  async #sample(signal, seed) {
    this.#set("loading");
    const from = { hub: this.hub || undefined, wasm: this.wasm || undefined };
    this.#shared ??= shareModel(addressOf(this), from, (loaded, total) => {
      if (this.#state === "loading") this.#view.showLoading(loaded, total);
    });
    const model = await this.#shared.model;
    signal.throwIfAborted();
    if (model !== this.#model) {
      this.#model = model;
      this.#tell("load", model);
      // A listener may have begun another run.
      signal.throwIfAborted();
    }
    const options = optionsOf(this, model.card);
    const sampler = model.sample({ ...options, seed: seed ?? options.seed, signal });
    this.#seed = sampler.seed;
    this.#set(this.#paused ? "paused" : "running");
    const { count } = sampler;
    this.#caption = `${count} ${count === 1 ? "image" : "images"} by ${model.name}`;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const between = async (/** @type {import("../www/types.js").Progress} */ progress) => {
      signal.throwIfAborted();
      this.#view.showProgress(progress);
      await this.#allowed(signal);
    };
    for (;;) {
      await this.#turn(signal);
      // Where less motion is wanted, images appear when they are finished.
      const frame = calm ? await sampler.finish(between) : (await sampler.next()).value;
      signal.throwIfAborted();
      if (!frame) return;
      this.#frame = frame;
      this.#view.show(frame, this.#label());
      this.#tell("frame", frame);
      if (frame.done) break;
    }
    this.#set("finished");
    this.#tell("finish", /** @type {any} */ (this.#frame));
  }

  /** Settles at the next animation frame at which the run may go on. @param {AbortSignal} signal */
  async #turn(signal) {
    do {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      await this.#allowed(signal);
    } while (this.#paused || !this.#inSight);
  }

  /** Settles when the run may go on. @param {AbortSignal} signal */
  async #allowed(signal) {
    while ((this.#paused || !this.#inSight) && !signal.aborted)
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    signal.throwIfAborted();
  }

  /** What the images are, for those who do not see them. */
  #label() {
    return this.getAttribute("aria-label") || this.#caption;
  }

  #stop() {
    this.#run?.abort();
    this.#run = null;
    this.#wake();
  }

  /** @param {boolean} [gone] whether the model is of no use any more */
  #release(gone) {
    this.#shared?.release(gone);
    this.#shared = this.#model = this.#frame = null;
  }

  /** @param {unknown} thrown */
  #fail(thrown) {
    const error =
      thrown instanceof NcsnError ? thrown : new NcsnError("gpu", messageOf(thrown), thrown);
    // The next try loads the model again.
    if (error.code !== "bad-option") this.#release(GONE.includes(error.code));
    this.#set("failed");
    // The message is for those who write the page.
    const full = error.code === "out-of-memory";
    this.#view.complain(full ? "The GPU has no memory left for these images." : error.message);
    this.#tell("error", error);
  }

  /** @param {State} state */
  #set(state) {
    this.#state = state;
    this.#view.complain("");
    this.#view.button.textContent = LABELS[state];
    // A button that is disabled while it has the focus would lose it.
    this.#view.button.ariaDisabled = String(state === "loading");
    this.#view.say(state === "loading" ? "Loading" : state === "finished" ? "Done" : "");
  }

  /** @template T @param {string} name @param {T} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
