// @ts-check
/**
 * What can go wrong, with a message for each case and what to do about it.
 *
 * Failures are found in many places (the GPU probe, a download, the wasm module itself) but shown in
 * one: what finds one throws or reports a `Failure`, and `page/fatal-error.js` shows it. Messages without
 * numbers are in `index.html`, those for what a browser lacks in `failures/unsupported.js`.
 */

import { FAULTS } from "./faults.js";

/** The most characters of an address in a sentence. */
const LONGEST_ADDRESS = 200;

/** @typedef {"no-webassembly" | "memory" | "policy" | "no-webgpu" | "no-adapter" | "no-answer" | "missing-feature" | "limit" | "device-lost" | "engine" | "wrong" | "download" | "media-type" | "model" | "panic"} Kind */

/**
 * `retry` is the label of the button that tries again, and `change` what that does differently; `ofModel` says that with
 * another model the page may work.
 * @typedef {{ title: string, text: string, advice?: string[], technical?: string, retry?: string, change?: (link: URLSearchParams) => void, ofModel?: boolean }} Words
 */

export class Failure extends Error {
  /** @param {Kind} kind @param {Words} words */
  constructor(
    kind,
    { title, text, advice = [], technical = "", retry = "", change, ofModel = kind === "model" },
  ) {
    super(`${title}. ${text}`);
    this.name = "Failure";
    this.kind = kind;
    this.title = title;
    this.text = text;
    this.advice = advice;
    this.technical = technical;
    this.retry = retry;
    this.change = change;
    this.ofModel = ofModel;
  }
}

/**
 * Something that a browser, a GPU or a link lacks; its message is only fetched when it is needed.
 * @param {keyof typeof import("./unsupported.js")} what
 * @param {unknown[]} details
 * @returns {Promise<Failure>}
 */
export async function unsupported(what, ...details) {
  const words = /** @type {any} */ (await import("./unsupported.js"))[what](...details);
  return new Failure(words.kind, words);
}

/**
 * A message of a library as a line to show. Some go on with reports, which are details.
 * @param {string} message
 */
const parts = (message) => {
  const [line] = message.trim().split("\n", 1);
  return { text: line, technical: line === message.trim() ? "" : message };
};

/** A message that is part of the page from the start: it may be too late to fetch it. @param {string} id @returns {any} */
function words(id) {
  const { dataset, content } = /** @type {HTMLTemplateElement} */ (
    document.getElementById(`words-${id}`)
  );
  const [text, ...advice] = Array.from(content.children, (line) => line.textContent);
  return { ...dataset, text, advice };
}

/** @param {string} technical */
export const outOfMemory = (technical) =>
  new Failure("limit", {
    ...words("gpu-memory"),
    technical,
    change: (link) =>
      link.set("chains", String(Math.max(1, Math.floor(Number(link.get("chains")) / 4)))),
  });

/** @param {string} reason @param {string} message */
export const deviceLost = (reason, message) =>
  new Failure("device-lost", {
    ...words("lost"),
    technical: `GPUDevice.lost: ${reason || "unknown"}\n${message}`,
  });

/** @param {import("../types.js").EngineName} engine @param {string} message */
export const refused = (engine, message) =>
  new Failure("engine", { ...words(engine === "cpu" ? "cpu" : "engine"), ...parts(message) });

/** Images that cannot be right, though the engine reports no error. @param {import("../types.js").Fault} fault */
export const wrongImages = (fault) =>
  new Failure("wrong", { ...words("wrong"), text: FAULTS[fault] });

/** An address as a part of a sentence: links may have long ones. @param {string} url */
export const short = (url) =>
  url.length > LONGEST_ADDRESS ? `${url.slice(0, LONGEST_ADDRESS)}…` : url;

/**
 * @param {string} what "model", "WebAssembly module" or another part of the page
 * @param {string} url
 * @param {number} status HTTP status, 0 when no answer came
 * @param {string} [technical]
 */
export const download = (what, url, status, technical = "") =>
  new Failure("download", {
    title: `The ${what} did not arrive`,
    text:
      status === 0
        ? `No answer, or not a whole one, came from ${short(url)}.`
        : status < 400
          ? `${short(url)} answered with HTTP ${status}, but what came is not the ${what}.`
          : `${short(url)} answered with HTTP ${status}.`,
    advice:
      status === 404 || status === 410
        ? ["The address is wrong, or the file has moved."]
        : status === 0
          ? [
              "Check the connection, then try again.",
              "A server of another origin must allow it (CORS).",
            ]
          : ["Try again in a moment."],
    technical,
    retry: "Try again",
    ofModel: what === "model",
  });

/**
 * The failure behind a script that could not be imported.
 * @param {string} url @param {unknown} error @param {string} [what] as for `download`
 */
export async function notImported(url, error, what = "WebAssembly module") {
  const { status, words } = await window.whyNotRun(url);
  return words
    ? new Failure("media-type", { ...words, technical: String(error) })
    : download(what, url, status, String(error));
}

/** @param {string} url @param {string} message */
export function badModel(url, message) {
  const { text, technical } = parts(message);
  return new Failure("model", {
    ...words("model"),
    text,
    technical: [url, technical].filter(Boolean).join("\n"),
  });
}

/** @param {string} technical */
export const panic = (technical) => new Failure("panic", { ...words("panic"), technical });

/**
 * Whether the wasm module itself has crashed. A browser may have no WebAssembly to compare with.
 * @param {unknown} thrown
 * @returns {thrown is Error}
 */
export const isTrap = (thrown) => thrown instanceof Error && thrown.name === "RuntimeError";

/**
 * The failure behind any thrown value.
 * @param {unknown} thrown
 * @param {(message: string) => Failure} [otherwise] for an ordinary `Error`
 * @returns {Failure}
 */
export function failureOf(thrown, otherwise = panic) {
  if (thrown instanceof Failure) return thrown;
  if (thrown instanceof RangeError && /alloc|memory/i.test(thrown.message))
    return new Failure("memory", { ...words("tab-memory"), technical: String(thrown.stack) });
  if (isTrap(thrown)) return panic(thrown.stack ?? thrown.message);
  if (thrown instanceof Error) {
    const failure = otherwise(thrown.message);
    // Chrome's stacks begin with the message: it is left out here where it is shown already.
    const [stack, said] = [thrown.stack ?? "", String(thrown)];
    const rest =
      failure.text === thrown.message && stack.startsWith(said)
        ? stack.slice(said.length).trim()
        : stack;
    failure.technical = rest.includes(failure.technical)
      ? rest
      : `${failure.technical}\n${rest}`.trim();
    return failure;
  }
  return otherwise(String(thrown));
}
