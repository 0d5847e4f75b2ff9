// @ts-check
/** Gets a model file, by address, from a hub, or as it is. */
import { hubFile, isOnHub } from "../www/model/hub.js";
import { MAX_MODEL_BYTES, ReadError, SizeError, readBytes } from "../www/model/read-bytes.js";
import { goingOn } from "../www/model/resume.js";
import { NcsnError, messageOf, notArrived } from "./errors.js";

/**
 * Where a model is.
 * @typedef {object} Source
 * @property {string} name its address, for messages
 * @property {(onHead: (head: Uint8Array) => void) => Promise<Uint8Array<ArrayBuffer>>} read
 * @property {() => Promise<void>} keep remembers it, once it has been seen that it is a model
 */

/**
 * @param {string | URL | Uint8Array<ArrayBuffer>} source @param {import("./types.js").LoadOptions} options
 * @returns {Source}
 * @throws {NcsnError}
 */
export function sourceOf(source, { signal, onProgress = () => {}, hub }) {
  if (source instanceof Uint8Array)
    return {
      name: "What was given",
      async read(onHead) {
        if (source.byteLength > MAX_MODEL_BYTES) throw tooLarge("The model", source.byteLength);
        onHead(source);
        return source;
      },
      keep: async () => {},
    };
  const file = typeof source === "string" && isOnHub(source) ? onHub(source, hub) : null;
  const url = file?.url ?? absolute(source);
  /** @type {(headers?: Record<string, string>) => Promise<Response>} */
  const ask = async (headers) =>
    (response = await (file ? file.ask(signal, headers) : fetch(url, { signal, headers })));
  /** @type {Response} */ let response;
  /** @type {Uint8Array<ArrayBuffer>} */ let bytes;
  return {
    name: url,
    async read(onHead) {
      try {
        const goOn = goingOn(ask, await ask(), signal);
        return (bytes = await readBytes(response, MAX_MODEL_BYTES, onProgress, onHead, goOn));
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof SizeError) throw tooLarge(url, error.bytes);
        const status = error instanceof ReadError ? error.status : 0;
        throw notArrived("model", url, status, messageOf(error));
      }
    },
    async keep() {
      await file?.keep(response, bytes);
    },
  };
}

/** @param {string} name @param {string} [hub] */
function onHub(name, hub) {
  try {
    return hubFile(name, hub);
  } catch (error) {
    throw new NcsnError("bad-address", messageOf(error));
  }
}

/** @param {string | URL} address */
function absolute(address) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(address, base).href;
  } catch {
    throw new NcsnError("bad-address", `“${address}” is no address of a model`);
  }
}

/** @param {string} what @param {number} bytes at least so many */
const tooLarge = (what, bytes) =>
  new NcsnError(
    "model-too-large",
    `${what} has ${bytes} bytes or more, and up to ${MAX_MODEL_BYTES} can be used. Make a smaller one, with fewer or narrower layers.`,
  );
