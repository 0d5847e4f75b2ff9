// @ts-check
/**
 * How a visit ends before its time: the first failure, what a visitor sees of it, and the way back.
 *
 * `failures.js` has the words. Nothing of the page goes on after a failure, but most can be tried
 * again: by loading the page anew, for its program can be started only once.
 */
import { Failure, failureOf, isTrap, panic } from "./failures.js";

/** Where the page's scripts are. */
const FOLDER = new URL("./", import.meta.url).href;
/** When the page was last loaded again by itself, and how long it then is not. */
const RELOADED = "ncsn reloaded";
const PATIENCE_MS = 300_000;

/** @param {string} id @returns {any} */
const part = (id) => document.getElementById(id);

export class End {
  /** @type {Failure | null} */ failure = null;
  #page;

  /**
   * @param {{ stop(): void, onMessage(failure: Failure): void, address(): string }} page to be stopped at the
   *   first failure, told when a message is shown, and with which address to be loaded again
   */
  constructor(page) {
    this.#page = page;
  }

  /** Hears from now on what else goes wrong in the page. */
  listen() {
    // A panic in Rust: first its text, from the hook; then a RuntimeError, which reaches nobody else.
    addEventListener("ncsn-panic", (/** @type {any} */ event) => this.fail(panic(String(event.detail))));
    addEventListener("error", (event) => this.#hear(event.error));
    addEventListener("unhandledrejection", (event) => this.#hear(event.reason));
  }

  /**
   * Extensions, and the browsers inside of apps, run scripts of their own in every page; what goes wrong in
   * them is not ours.
   * @param {any} error
   */
  #hear(error) {
    if (error instanceof Failure || isTrap(error) || String(error?.stack).includes(FOLDER)) this.fail(error);
  }

  /**
   * Shows a failure; the first one stands, since others follow from it.
   * @param {unknown} thrown
   */
  fail(thrown) {
    const failure = failureOf(thrown);
    if (this.failure) {
      if (!part("message-technical").textContent.includes(failure.technical)) part("message-technical").textContent += `\n${failure.technical}`;
      return;
    }
    this.failure = failure;
    this.#page.stop();
    console.error(failure);
    const retry = () => this.#retry();
    if (failure.kind === "device-lost" && mayReload()) {
      // Out of sight it would be taken once more, and there is but one more try.
      if (document.hidden) document.addEventListener("visibilitychange", retry);
      else retry();
      return;
    }
    this.#page.onMessage(failure);
    part("message").dataset.kind = failure.kind;
    part("message-title").textContent = failure.title;
    part("message-text").textContent = failure.text;
    part("message-advice").replaceChildren(
      ...failure.advice.map((advice) => {
        const item = document.createElement("li");
        item.textContent = advice;
        return item;
      }),
    );
    part("message-technical").textContent = failure.technical;
    part("message-details").hidden = !failure.technical;
    part("retry").hidden = !failure.retry;
    part("retry").textContent = failure.retry;
    part("retry").addEventListener("click", retry);
    const own = new URLSearchParams(location.search).get("model") && (failure.kind === "download" || failure.kind === "model");
    part("message-link").hidden = !own;
    if (own) part("message-link").href = location.pathname;
    document.documentElement.classList.add("failed");
    // Hidden by then, but the keyboard would still find it.
    /** @type {any} */ (document.querySelector(".console")).inert = true;
    part("message").hidden = false;
    // Whatever had the focus may have just lost it.
    part("message").focus();
  }

  /** The settings are kept. */
  #retry() {
    const url = new URL(this.#page.address());
    this.failure?.change?.(url.searchParams);
    history.replaceState(null, "", url);
    location.reload();
  }
}

/**
 * Phones take the GPU from pages that are out of sight, and the same pictures can be made again. But what
 * loses it once more so soon may be the pictures themselves.
 */
function mayReload() {
  try {
    const last = Number(sessionStorage.getItem(RELOADED));
    sessionStorage.setItem(RELOADED, String(Date.now()));
    return Date.now() - last > PATIENCE_MS;
  } catch {
    return false; // Some visitors allow no storage.
  }
}
