// @ts-check
/**
 * How a visit ends early: the first failure, what the visitor sees of it, and the way back.
 *
 * `failures.js` has the words. Nothing on the page continues after a failure, but most can be
 * retried by reloading the page, since its program can only be started once.
 */
import { Failure, failureOf, isTrap, panic } from "./failures.js";

/** The folder of the page's scripts. */
const FOLDER = new URL("./", import.meta.url).href;
/** When the page last reloaded itself, and for how long it then does not do so again. */
const RELOADED = "ncsn reloaded";
const PATIENCE_MS = 300_000;

/** @param {string} id @returns {any} */
const part = (id) => document.getElementById(id);

export class End {
  /** @type {Failure | null} */ failure = null;
  #page;

  /**
   * @param {{ stop(): void, onMessage(failure: Failure): void, address(): string }} page is stopped at the first
   *   failure, is notified when a message is shown, and gives the address to reload
   */
  constructor(page) {
    this.#page = page;
  }

  /** From now on listens to whatever else goes wrong on the page. */
  listen() {
    // A panic in Rust: the hook sends its text, then there is a RuntimeError, which nobody else
    // catches.
    addEventListener("ncsn-panic", (/** @type {any} */ event) => this.fail(panic(String(event.detail))));
    addEventListener("error", (event) => this.#hear(event.error));
    addEventListener("unhandledrejection", (event) => this.#hear(event.reason));
  }

  /**
   * Extensions, and browsers inside apps, run scripts of their own in every page; their errors are
   * not ours.
   * @param {any} error
   */
  #hear(error) {
    if (error instanceof Failure || isTrap(error) || String(error?.stack).includes(FOLDER)) this.fail(error);
  }

  /**
   * Shows a failure. Only the first is shown, since others follow from it.
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
      // Out of sight the GPU would be taken again, and there is only one more try.
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
    // It is hidden by then, but the keyboard would still reach it.
    /** @type {any} */ (document.querySelector(".console")).inert = true;
    part("message").hidden = false;
    // Whatever had the focus may just have lost it.
    part("message").focus();
  }

  /** Reloads the page, keeping the settings. */
  #retry() {
    const url = new URL(this.#page.address());
    this.failure?.change?.(url.searchParams);
    history.replaceState(null, "", url);
    location.reload();
  }
}

/**
 * Whether the page may reload itself. Phones take the GPU from pages that are out of sight, and the
 * same pictures can be made again. But if it is lost again so soon, the pictures themselves may be
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
