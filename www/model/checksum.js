// @ts-check
/** A short checksum of a model file. Links carry it, since the model at an address may change. */

/** @param {Uint8Array} bytes */
export function checksum(bytes) {
  let sum = 0;
  // A plain loop: a callback for each of the bytes would take seconds.
  for (let at = 0; at < bytes.length; at++) sum = (Math.imul(sum, 31) + bytes[at]) | 0;
  return sum.toString(36);
}
