// @ts-check
/** Sees what the wasm module asks the browser for, and names what is missing. */
import {
  awaitWork,
  describe,
  describeItself,
  deviceInTime,
  lowLimit,
} from "../www/engine/device.js";
import { GPU_ANSWER_MS, within } from "../www/engine/within.js";
import { NcsnError, fromWasm, unsupported } from "./errors.js";

/**
 * Creates an engine, and sees which adapter and device it gets: the wasm module tells neither. Requests are only
 * watched meanwhile, on the one object, so that nothing changes for others on the page.
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
  const replacement = async (/** @type {unknown[]} */ ...options) => {
    const answer = Promise.resolve(requestAdapter.apply(gpu, options));
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
      if (!device.adapterInfo) Object.defineProperty(device, "adapterInfo", { value: found.info });
      return device;
    };
    return (adapter = found);
  };
  Object.defineProperty(gpu, "requestAdapter", { value: replacement, configurable: true });
  try {
    const engine = await awaitWork(create(), () => device);
    return { engine, adapter, device };
  } catch (error) {
    throw refusal ?? fromWasm(error, "gpu");
  } finally {
    if (own) Object.defineProperty(gpu, "requestAdapter", own);
    else delete gpu.requestAdapter;
  }
}
