// @ts-check
/**
 * jax-js on WebGPU, running the same network, as an ONNX file of static shapes, compiled as a
 * whole.
 */
import { HostChain } from "../host-chain.js";

/**
 * @param {import("../main.js").EngineOptions & { models: Record<number, string>, image_shape: [number, number, number] }} options
 *   `models`: the ONNX file for each batch; `image_shape`: channels, height, width
 * @returns {Promise<import("../main.js").Engine>}
 */
export async function load({ models, image_shape }) {
  const jax = await import("@jax-js/jax");
  const devices = await jax.init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("jax-js finds no WebGPU.");
  jax.defaultDevice("webgpu");
  const dimension = image_shape[0] * image_shape[1] * image_shape[2];
  /** @type {Record<number, ReturnType<typeof open>>} */
  const networks = {};
  return {
    start: async (stepTable, seed, batch) => {
      const chain = new HostChain(stepTable, seed, batch, dimension);
      const network = await (networks[batch] ??= open(models[batch]));
      const score = (/** @type {Float32Array} */ x, /** @type {number} */ sigma) =>
        network({
          x: jax.numpy.array(x).reshape([batch, ...image_shape]),
          sigma: jax.numpy.array(new Float32Array([sigma])),
        }).score;
      return {
        evaluate: async () => {
          const found = await jax.blockUntilReady(score(chain.x, stepTable.steps[0].sigma));
          found.dispose();
        },
        advance: (steps) =>
          chain.advance(
            steps,
            async (x, sigma) => /** @type {Float32Array} */ (await score(x, sigma).data()),
          ),
        pixels: async () => chain.pixels(image_shape[0]),
        free: () => {},
      };
    },
  };
}

/** @param {string} url */
async function open(url) {
  const [{ jit }, { ONNXModel }, bytes] = await Promise.all([
    import("@jax-js/jax"),
    import("@jax-js/onnx"),
    fetch(url).then((answer) => answer.arrayBuffer()),
  ]);
  const model = new ONNXModel(new Uint8Array(bytes));
  await normalizeLayers(model.model.graph);
  return jit(model.run);
}

/**
 * jax-js has no `InstanceNormalization`. Ours is over groups × positions with factors of 1 and
 * summands of 0, so it equals `LayerNormalization` over positions.
 * @param {any} graph
 */
async function normalizeLayers(graph) {
  const [{ create }, onnx] = await Promise.all([import("@bufbuild/protobuf"), import("onnx-buf")]);
  for (const node of graph.node) {
    if (node.opType !== "InstanceNormalization") continue;
    node.opType = "LayerNormalization";
    node.input = [node.input[0], "one"];
  }
  const value = create(onnx.AttributeProtoSchema, {
    name: "value_floats",
    type: onnx.AttributeProto_AttributeType.FLOATS,
    floats: [1],
  });
  graph.node.unshift(
    create(onnx.NodeProtoSchema, { opType: "Constant", output: ["one"], attribute: [value] }),
  );
}
