// @ts-check
/**
 * onnxruntime-web on WebGPU, or as WebAssembly on one thread, running the same network as an ONNX
 * file of static shapes. On WebGPU, inputs and outputs stay in GPU buffers.
 *
 * Graph capture stays off: in version 1.30 the second evaluation of a captured graph fails or
 * differs from the first.
 */
import { HostChain } from "../host-chain.js";

/** @typedef {[number, number, number]} Shape channels, height, width */

/**
 * @param {import("../main.js").EngineOptions & { script: string, provider: "webgpu" | "wasm", models: Record<number, string>, image_shape: Shape }} options
 *   `models`: the ONNX file for each batch
 * @returns {Promise<import("../main.js").Engine>}
 */
export async function load({ script, provider, models, image_shape }) {
  const ort = await import(script);
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const dimension = image_shape[0] * image_shape[1] * image_shape[2];
  const onGpu = provider === "webgpu";
  const open = async (/** @type {number} */ batch) => {
    const session = await ort.InferenceSession.create(models[batch], {
      executionProviders: [provider],
      ...(onGpu && { preferredOutputLocation: "gpu-buffer" }),
    });
    return (onGpu ? onBuffers : onArrays)(ort, session, [batch, ...image_shape]);
  };
  /** @type {Record<number, ReturnType<typeof open>>} */
  const networks = {};
  return {
    start: async (stepTable, seed, batch) => {
      const chain = new HostChain(stepTable, seed, batch, dimension);
      const network = await (networks[batch] ??= open(batch));
      network.write(chain.x, stepTable.steps[0].sigma);
      return {
        evaluate: () => network.run(),
        advance: (steps) =>
          chain.advance(steps, (x, sigma) => {
            network.write(x, sigma);
            return network.score();
          }),
        pixels: async () => chain.pixels(image_shape[0]),
        free: () => {},
      };
    },
  };
}

/** @param {any} ort @param {any} session @param {number[]} dims */
function onArrays(ort, session, dims) {
  const size = dims.reduce((a, b) => a * b);
  const x = new ort.Tensor("float32", new Float32Array(size), dims);
  const sigma = new ort.Tensor("float32", new Float32Array(1), [1]);
  const score = async () => (await session.run({ x, sigma })).score.data;
  return {
    write: (/** @type {Float32Array} */ values, /** @type {number} */ level) => {
      x.data.set(values);
      sigma.data[0] = level;
    },
    score,
    run: async () => void (await score()),
  };
}

/** @param {any} ort @param {any} session @param {number[]} dims */
async function onBuffers(ort, session, dims) {
  const device = await ort.env.webgpu.device;
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = /** @type {any} */ (globalThis).GPUBufferUsage;
  const size = 4 * dims.reduce((a, b) => a * b);
  const input = (/** @type {number[]} */ shape) => {
    // Bindings are multiples of 16 bytes.
    const bytes = Math.ceil((4 * shape.reduce((a, b) => a * b)) / 16) * 16;
    const buffer = device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC | COPY_DST });
    return {
      buffer,
      tensor: ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: shape }),
    };
  };
  const [x, sigma] = [input(dims), input([1])];
  const staging = device.createBuffer({ size, usage: MAP_READ | COPY_DST });

  /** Evaluates the network and reads back `bytes` of the score, to know that it is done. */
  const evaluate = async (/** @type {number} */ bytes) => {
    const { score } = await session.run({ x: x.tensor, sigma: sigma.tensor });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(score.gpuBuffer, 0, staging, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1 /* READ */, 0, bytes);
    const values = new Float32Array(staging.getMappedRange(0, bytes).slice(0));
    staging.unmap();
    score.dispose();
    return values;
  };
  return {
    write: (/** @type {Float32Array} */ values, /** @type {number} */ level) => {
      device.queue.writeBuffer(x.buffer, 0, values);
      device.queue.writeBuffer(sigma.buffer, 0, new Float32Array([level]));
    },
    score: () => evaluate(size),
    run: async () => void (await evaluate(4)),
  };
}
