// @ts-check
/**
 * How a visit ends early: the first failure, what the visitor sees of it, and the way back.
 *
 * `failures/failures.js` has the words. Nothing on the page continues after a failure, but most can be
 * retried by reloading the page, since its wasm module can only be started once.
 */
import { $ } from "../dom/dom.js";
import { Failure, failureOf, isTrap, panic } from "../failures/failures.js";
import { isInWasmModule } from "../engine/wasm-module.js";

/** The folder of the page's scripts. */
const FOLDER = new URL("../", import.meta.url).href;
/** When the page last reloaded itself, and for how long it then does not do so again. */
const RELOADED = "ncsn reloaded";
const PATIENCE_MS = 300_000;

/**
 * Failures of a GPU, of the browser's way to it, or of the wasm module on it: the CPU's engine needs none of these.
 * @type {import("../failures/failures.js").Kind[]}
 */
const OF_THE_GPU = [
  "no-webgpu",
  "no-adapter",
  "no-answer",
  "missing-feature",
  "limit",
  "device-lost",
  "engine",
  "wrong",
  "panic",
];

export class FatalErrors {
  /** @type {Failure | null} */ failure = null;
  #page;

  /**
   * @param {{ stop(): void, address(): string, unsaved(): boolean, usesGpu(): boolean, withoutCpu(): Promise<string>, shown(): void }} page
   *   is stopped at the first failure, gives the address to reload, and tells whether a reload would lose what a visitor
   *   has in the training panel, whether the engine in use or under way needs a GPU, and why the CPU's cannot take
   *   over, if so; and hears when the message is shown
   */
  constructor(page) {
    this.#page = page;
  }

  /** From now on listens to whatever else goes wrong on the page. */
  listen() {
    // A panic in Rust: the hook sends its text, then there is a RuntimeError, which nothing
    // else catches.
    addEventListener("ncsn-panic", (/** @type {any} */ event) =>
      this.fail(panic(String(event.detail))),
    );
    // An exception after an await in the wasm module settles no promise: only these events report it.
    addEventListener("error", (event) => this.#hear(event.error));
    addEventListener("unhandledrejection", (event) => this.#hear(event.reason));
  }

  /**
   * Extensions, and browsers inside apps, run scripts of their own in every page; their errors are
   * not ours.
   * @param {any} error
   */
  #hear(error) {
    const stack = String(error?.stack);
    if (
      error instanceof Failure ||
      isTrap(error) ||
      stack.includes(FOLDER) ||
      isInWasmModule(stack)
    )
      this.fail(error);
  }

  /**
   * Shows a failure. Only the first is shown, since others follow from it.
   * @param {unknown} thrown
   */
  fail(thrown) {
    const failure = failureOf(thrown);
    if (this.failure) {
      if (this.failure.technical.includes(failure.technical)) return;
      this.failure.technical += `\n${failure.technical}`;
      $("message-technical").textContent = this.failure.technical;
      return;
    }
    this.failure = failure;
    this.#page.stop();
    console.error(failure);
    const retry = () => this.#retry();
    if (failure.kind === "device-lost" && !this.#page.unsaved() && mayReload()) {
      // A hidden page might lose the GPU again, and the page reloads itself only once: it waits until it is seen.
      if (document.hidden) document.addEventListener("visibilitychange", retry);
      else retry();
      return;
    }
    this.#show(failure).catch(console.error);
  }

  /**
   * Shows the message, with the ways out that there are.
   * @param {Failure} failure
   */
  async #show(failure) {
    const { kind, retry, change, advice, ofModel } = failure;
    /** @type {{ label: string, change?: (link: URLSearchParams) => void }[]} */
    const ways = retry ? [{ label: retry, change }] : [];
    const more = [];
    if (OF_THE_GPU.includes(kind) && this.#page.usesGpu()) {
      const without = await this.#page.withoutCpu();
      more.push(without || "The CPU can do the same, but is slower.");
      // Where the CPU can do it, that is offered before another try of the same.
      if (!without)
        ways.splice(change ? 1 : 0, 0, {
          label: "Use the CPU",
          change: (link) => link.set("engine", "cpu"),
        });
    }
    if (this.#page.unsaved())
      more.push("Reloading loses what only “Train…” has: images or a run that are not kept.");
    const { title, text, technical } = failure;
    for (const [at, id] of ["retry", "other"].entries()) {
      $(id).hidden = !ways[at];
      $(id).textContent = ways[at]?.label ?? "";
      $(id).addEventListener("click", () => this.#retry(ways[at].change));
    }
    $("message-link").hidden = !(ofModel && new URLSearchParams(location.search).get("model"));
    window.showMessage({ kind, title, text, technical, advice: [...advice, ...more] });
    this.#page.shown();
  }

  /** Reloads the page, keeping the other settings. @param {(link: URLSearchParams) => void} [change] */
  #retry(change) {
    const url = new URL(this.#page.address());
    change?.(url.searchParams);
    try {
      history.replaceState(null, "", url);
    } catch {
      // A page inside another may not be allowed to change its address, but it can go to another one.
      return location.replace(url);
    }
    location.reload();
  }
}

/**
 * Whether the page may reload itself. Phones take the GPU from pages that are out of sight, and the
 * same images can be made again. But if it is lost again so soon, the images themselves may be
 * the cause.
 */
function mayReload() {
  try {
    const last = Number(sessionStorage.getItem(RELOADED));
    sessionStorage.setItem(RELOADED, String(Date.now()));
    return Date.now() - last > PATIENCE_MS;
  } catch {
    return false; // Some visitors forbid storage.
  }
}
