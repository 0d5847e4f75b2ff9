// @ts-check
/**
 * Errors of a GPU, for the wasm module. Drivers that refuse a kernel which the browser has accepted raise a GPUInternalError,
 * and wgpu 30 panics at any error that is neither one of validation nor a lack of memory, even where it is asked for errors
 * (https://github.com/gfx-rs/wgpu/issues/9914). To be removed with the first version that does not. The page and the npm
 * package share this.
 */

/** @type {any} */
const { GPUOutOfMemoryError, GPUUncapturedErrorEvent, GPUValidationError } = globalThis;

/** @param {any} error GPUError, or null @returns {any} the same as wgpu knows it */
const known = (error) =>
  !error || error instanceof GPUValidationError || error instanceof GPUOutOfMemoryError
    ? error
    : new GPUValidationError(`${error.constructor.name}: ${error.message}`);

/**
 * Makes internal errors of a device ones of validation, for all that listen from now on.
 * @param {any} device GPUDevice
 */
export function replaceInternalErrors(device) {
  const { popErrorScope } = device;
  device.popErrorScope = () => popErrorScope.call(device).then(known);
  device.addEventListener("uncapturederror", (/** @type {any} */ event) => {
    const error = known(event.error);
    if (error === event.error) return;
    event.stopImmediatePropagation();
    device.dispatchEvent(new GPUUncapturedErrorEvent(event.type, { error }));
  });
}
