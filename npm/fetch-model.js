// @ts-check
/** Gets a model file, by address, from a hub, or as it is. */
import { unlessSilent } from "../www/engine/within.js";
import { hubFile, isOnHub } from "../www/model/hub.js";
import { MAX_MODEL_BYTES, ReadError, SizeError, readBytes } from "../www/model/read-bytes.js";
import { goingOn } from "../www/model/resume.js";
import { absolute } from "./address.js";
import { NcsnError, messageOf, notArrived } from "./errors.js";

/**
 * Where a model is.
 * @typedef {object} Source
 * @property {string} name its address, for messages
 * @property {(onHead: (head: Uint8Array) => void) => Promise<Uint8Array<ArrayBuffer>>} read
 * @property {() => Promise<void>} keep remembers it, once it has been seen that it is a model
 */

/**
 * @param {import("./types.js").ModelSource} source @param {import("./types.js").LoadOptions} options
 * @returns {Source}
 * @throws {NcsnError}
 */
export function sourceOf(source, { signal, onProgress = () => {}, hub }) {
  const kind = kindOf(source);
  if (kind === "Blob" || kind === "File") return inBlob(/** @type {Blob} */ (source));
  if (ArrayBuffer.isView(source) || /^(Shared)?ArrayBuffer$/.test(kind))
    return inMemory(/** @type {ArrayBufferView | ArrayBuffer} */ (source));
  if (kind !== "String" && kind !== "URL")
    throw new NcsnError(
      "bad-address",
      `a model is an address, or the bytes or the Blob of a file, but not ${source && typeof source === "object" ? kind : String(source)}`,
    );
  const address = /** @type {string | URL} */ (source);
  const file = typeof address === "string" && isOnHub(address) ? onHub(address, hub) : null;
  const url = file?.url ?? urlOf(address);
  /** @type {(headers?: Record<string, string>) => Promise<Response>} */
  const ask = async (headers) => {
    // A server that does not even answer is not asked again, or whoever waits would do so for many minutes.
    if (silence) throw silence;
    const answer = file ? file.ask(signal, headers) : fetch(url, { signal, headers });
    return (response = await unlessSilent(answer, (error) => (silence = error)));
  };
  /** @type {Error | undefined} */ let silence;
  /** @type {Response} */ let response;
  /** @type {Uint8Array<ArrayBuffer>} */ let bytes;
  return {
    name: url,
    async read(onHead) {
      try {
        const goOn = goingOn(ask, await ask(), signal);
        return (bytes = await readBytes(
          response,
          MAX_MODEL_BYTES,
          onProgress,
          onHead,
          goOn,
          unlessSilent,
        ));
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

/** What something is, also if it comes from another window. @param {unknown} thing */
const kindOf = (thing) => Object.prototype.toString.call(thing).slice(8, -1);

/** @param {ArrayBufferView | ArrayBuffer} given @returns {Source} */
function inMemory(given) {
  const { buffer, byteOffset } = ArrayBuffer.isView(given)
    ? given
    : { buffer: given, byteOffset: 0 };
  const bytes = new Uint8Array(/** @type {ArrayBuffer} */ (buffer), byteOffset, given.byteLength);
  return {
    name: "What was given",
    async read(onHead) {
      if (bytes.byteLength > MAX_MODEL_BYTES) throw tooLarge("The model", bytes.byteLength);
      onHead(bytes);
      return bytes;
    },
    keep: async () => {},
  };
}

/** @param {Blob} blob @returns {Source} */
function inBlob(blob) {
  const name = "name" in blob ? `“${blob.name}”` : "What was given";
  return {
    name,
    async read(onHead) {
      if (blob.size > MAX_MODEL_BYTES) throw tooLarge(name, blob.size);
      try {
        const bytes = new Uint8Array(await blob.arrayBuffer());
        onHead(bytes);
        return bytes;
      } catch (error) {
        // A file may have been changed or removed since a visitor chose it.
        throw new NcsnError("network", `${name} cannot be read. (${messageOf(error)})`, error);
      }
    },
    keep: async () => {},
  };
}

/** @param {string | URL} address */
function urlOf(address) {
  try {
    if (address) return absolute(address);
  } catch {}
  throw new NcsnError("bad-address", `“${address}” is no address of a model`);
}

/** @param {string} what @param {number} bytes at least so many */
const tooLarge = (what, bytes) =>
  new NcsnError(
    "model-too-large",
    `${what} has ${bytes} bytes or more, and up to ${MAX_MODEL_BYTES} can be used. Make a smaller one, with fewer or narrower layers.`,
  );
