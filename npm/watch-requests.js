// @ts-check
/** Sees what the wasm module asks the browser for, and names what is missing. */
import {
  awaitWork,
  describe,
  describeItself,
  deviceInTime,
  lowLimit,
} from "../www/engine/device.js";
import { replaceInternalErrors } from "../www/engine/internal-errors.js";
import { GPU_ANSWER_MS, within } from "../www/engine/within.js";
import { NcsnError, fromWasm, unsupported } from "./errors.js";
import { isCaller } from "./wasm-module.js";

/**
 * Creates an engine, and sees which adapter and device it gets: the wasm module tells neither. Requests are only
 * watched meanwhile, and those of others on the page get the browser's own answers.
 * @template Engine
 * @param {any} gpu navigator.gpu @param {() => Promise<Engine>} create
 * @returns {Promise<{ engine: Engine, adapter: any, device: any }>}
 */
export async function watchingRequests(gpu, create) {
  /** @type {any} */ let adapter;
  /** @type {any} */ let device;
  /** @type {NcsnError | undefined} */ let refusal;
  const refuse = (/** @type {NcsnError} */ error) => {
    throw (refusal ??= error);
  };
  const late = (/** @type {string} */ what) => () =>
    unsupported("noAnswer", what, GPU_ANSWER_MS / 1000);
  const own = Object.getOwnPropertyDescriptor(gpu, "requestAdapter");
  const { requestAdapter } = gpu;
  let over = false;
  const replacement = (/** @type {unknown[]} */ ...options) => {
    const ask = () => requestAdapter.apply(gpu, options);
    return over || !isCaller() ? ask() : watched(ask);
  };
  const watched = async (/** @type {() => Promise<any>} */ ask) => {
    const answer = Promise.resolve(ask());
    const found = await within(answer, GPU_ANSWER_MS, late("adapter")).catch(async (error) =>
      refuse(error instanceof NcsnError ? error : await unsupported("noAdapter", String(error))),
    );
    if (!found) refuse(await unsupported("noAdapter", navigator.userAgent));
    await describeItself(found);
    const lack = lowLimit(found);
    if (lack) refuse(await unsupported("limitTooLow", ...lack, describe(found).name));
    const { requestDevice } = found;
    found.requestDevice = async (/** @type {unknown[]} */ ...wanted) => {
      const granted = deviceInTime(requestDevice.apply(found, wanted), late("device"));
      device = await granted.catch((error) =>
        refuse(
          error instanceof NcsnError
            ? error
            : new NcsnError("gpu", `The browser grants no device of this GPU: ${error}`, error),
        ),
      );
      replaceInternalErrors(device);
      if (!device.adapterInfo) Object.defineProperty(device, "adapterInfo", { value: found.info });
      return device;
    };
    return (adapter = found);
  };
  Object.defineProperty(gpu, "requestAdapter", { value: replacement, configurable: true });
  try {
    const engine = await awaitWork(create(), () => device);
    if (!device) {
      /** @type {any} */ (engine).free();
      throw new NcsnError(
        "gpu",
        "The wasm module's device cannot be told from those of others: something on the page hides who asks the browser for one.",
      );
    }
    return { engine, adapter, device };
  } catch (error) {
    throw refusal ?? fromWasm(error, "gpu");
  } finally {
    over = true;
    // Others may have put something of theirs in its place, which still calls it.
    const inPlace = gpu.requestAdapter === replacement;
    if (inPlace && own) Object.defineProperty(gpu, "requestAdapter", own);
    else if (inPlace) delete gpu.requestAdapter;
  }
}
