// @ts-check
/**
 * Arrays of numbers one after another.
 * @template {Uint8Array | Uint8ClampedArray | Float32Array} T
 * @param {T[]} parts @param {new (length: number) => T} Type
 * @returns {T}
 */
export function joined(parts, Type) {
  const whole = new Type(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
