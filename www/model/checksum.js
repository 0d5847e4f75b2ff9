// @ts-check
/** Short checksums of models. Links carry that of the weights, since the model at an address may change. */

/** The checksum of the weights, which follow the header of a safetensors file. @param {Uint8Array} bytes of a file */
export function checksumOfWeights(bytes) {
  const header = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return checksum(bytes, 8 + header);
}

/** Whether a link's checksum is that of a model file. Older links have that of the whole file. @param {string} sum @param {{ bytes: Uint8Array, sum: string }} file */
export const isOf = (sum, { bytes, sum: weights }) => sum === weights || sum === checksum(bytes, 0);

/** @param {Uint8Array} bytes @param {number} from the first that counts */
function checksum(bytes, from) {
  let sum = 0;
  // A plain loop: a callback for each of the bytes would take seconds.
  for (let at = from; at < bytes.length; at++) sum = (Math.imul(sum, 31) + bytes[at]) | 0;
  return sum.toString(36);
}
