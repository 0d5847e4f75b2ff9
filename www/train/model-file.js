// @ts-check
/** The file of a trained model, as a visitor gets it. */

/** @param {string} name of the model @param {Uint8Array} bytes */
export const fileOf = (name, bytes) =>
  new File(
    [/** @type {Uint8Array<ArrayBuffer>} */ (bytes)],
    // No system has these in the names of files.
    `${name.replace(/[\\/:*?"<>|]/g, "-")}.safetensors`,
  );
