// @ts-check
/** What the package throws, and the errors of others in its words. */

/** @typedef {import("./types.js").ErrorCode} ErrorCode */

export class NcsnError extends Error {
  /** @param {ErrorCode} code @param {string} message @param {unknown} [cause] */
  constructor(code, message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = /** @type {"NcsnError"} */ ("NcsnError");
    this.code = code;
  }
}

/**
 * Something that a browser or a GPU lacks, in the page's words, which are only fetched when they are needed.
 * @param {keyof typeof import("../www/failures/unsupported.js")} what @param {unknown[]} details
 */
export async function unsupported(what, ...details) {
  const all = /** @type {any} */ (await import("../www/failures/unsupported.js"));
  const { kind, title, text, advice, technical } = all[what](...details);
  return new NcsnError(kind, `${title}. ${text} ${advice[0]}`, technical);
}

/** The message of whatever was thrown. @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * The error behind one of the wasm module's, which are ordinary errors with a message.
 * @param {unknown} error @param {ErrorCode} code what it is otherwise
 */
export function fromWasm(error, code) {
  if (error instanceof NcsnError) return error;
  // Some of its messages are those of another error, with its name.
  const message = messageOf(error).replace(/^Error: /, "");
  if (error instanceof WebAssembly.RuntimeError) return crashed(message);
  if (/the GPU was lost/.test(message)) return new NcsnError("device-lost", message, error);
  if (/out of memory/.test(message)) return outOfMemory(error);
  if (/this GPU's limit/.test(message)) return new NcsnError("limit", message, error);
  return new NcsnError(code, message, error);
}

/** @param {unknown} cause what the wasm module says, in words for its own callers */
const outOfMemory = (cause) =>
  new NcsnError(
    "out-of-memory",
    "The GPU has no memory for this: ask for fewer images (`count`) or a smaller model. Load the models again.",
    cause,
  );

/** @param {string} message */
export const crashed = (message) =>
  new NcsnError("crashed", `The WebAssembly module stopped, which is a bug in it: ${message}`);

/** A file that did not arrive. @param {string} what @param {string} url @param {number} status 0 without an answer @param {string} detail */
export const notArrived = (what, url, status, detail) =>
  new NcsnError(
    "network",
    status === 0
      ? `No answer, or not a whole one, came from ${url} for the ${what}. A server of another origin must allow it (CORS), and this page's policy must allow that address (connect-src). (${detail})`
      : `${url} answered with HTTP ${status}${status < 400 ? `, but what came is not the ${what} (${detail})` : ""}.`,
  );
