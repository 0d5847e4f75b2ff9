// @ts-check
/** Reads a model file: its weights, and what its card says of the network. */

/**
 * @typedef {object} Card
 * @property {[number, number, number]} shape channels, height and width of an image
 * @property {number} dimension @property {number} mean @property {number} deviation
 * @property {[number, number]} sigmas the largest and the smallest σ of training
 * @property {number} patch @property {number} groups @property {number} heads
 * @property {number} embedding
 *
 * @typedef {{ shape: number[], values: Float32Array }} Weight
 */

/**
 * Only the usual U-Net of two resolutions with one block each, and attention at the coarse one.
 * @param {Uint8Array} bytes a `.safetensors` file @returns {{ card: Card, weights: Map<string, Weight> }}
 */
export function readModel(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = 8 + Number(view.getBigUint64(0, true));
  const { __metadata__, ...tensors } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, data)),
  );
  const weights = new Map();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(tensors)) {
    if (dtype !== "F16") throw new Error(`${name} is ${dtype}`);
    const values = Float32Array.from({ length: (offsets[1] - offsets[0]) / 2 }, (_, i) =>
      half(view.getUint16(data + offsets[0] + 2 * i, true)),
    );
    weights.set(name, { shape, values });
  }
  const card = JSON.parse(__metadata__.card);
  const { picture, preconditioning, ...sizes } = card.architecture;
  const usual =
    sizes.kind === "unet" &&
    sizes.widths.length === 2 &&
    sizes.blocks === 1 &&
    String(sizes.attention) === "false,true";
  if (!usual) throw new Error("the other engines know only the usual network");
  const { channels, height, width } = picture;
  return {
    card: {
      ...sizes,
      ...preconditioning,
      shape: [channels, height, width],
      dimension: channels * height * width,
      sigmas: card.training.sigmas,
    },
    weights,
  };
}

/** @param {number} bits of an f16 */
function half(bits) {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}
