// @ts-check
/**
 * TensorFlow.js on WebGPU, training the same U-Net, as one would write it for this library: channels
 * last; 1 × 1 convolutions as the matrix products that they are, which it differentiates faster;
 * nothing is read back between steps.
 */
import { readModel } from "../model-file.js";
import { ADAM, MAX_GRAD_NORM, batchOf, emaDecay, learningRate } from "../recipe.js";

/** @typedef {any} Tensor */

/** Added to variances, as by default in PyTorch and Burn. */
const EPSILON = 1e-5;

/**
 * @param {import("../training.js").EngineOptions} _options
 * @param {import("../training.js").Start & { model: Uint8Array }} start
 * @returns {Promise<import("../training.js").Trainer>}
 */
export async function load(_options, { plan, images, model }) {
  const tf = await import("@tensorflow/tfjs");
  await import("@tensorflow/tfjs-backend-webgpu");
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js finds no WebGPU.");
  await tf.ready();
  const { card, weights } = readModel(model);
  /** @type {Record<string, Tensor>} */ const variables = {};
  /** @type {Record<string, Tensor>} */ const averages = {};
  for (const [name, { shape, values }] of weights) {
    const tensor = tf.tidy(() => {
      const weight = tf.tensor(values, shape);
      return shape.length === 4 ? weight.transpose([2, 3, 1, 0]) : weight.clone();
    });
    variables[name] = tf.variable(tensor);
    averages[name] = tf.variable(tensor, false);
    tensor.dispose();
  }
  const names = Object.fromEntries(Object.entries(variables).map(([name, v]) => [v.name, name]));
  const score = unet(tf, card, variables);
  const adam = tf.train.adam(plan.learningRate, ADAM.beta1, ADAM.beta2, ADAM.epsilon);
  const [channels, height, width] = card.shape;
  let step = 0;

  /** Takes a step. @returns {Tensor} the loss */
  const advance = () => {
    const batch = batchOf(plan, card, images, step);
    const pixels = (/** @type {Float32Array} */ values) =>
      tf.tensor(values, [plan.batch, channels, height, width]).transpose([0, 2, 3, 1]);
    const [x, z] = [pixels(batch.x), pixels(batch.z)];
    const sigma = tf.tensor(batch.sigma, [plan.batch, 1, 1, 1]);
    const features = tf.tensor(batch.features, [plan.batch, card.embedding]);
    const noisy = x.add(z.mul(sigma));
    const weight = sigma.div(card.deviation).square().add(1);
    const { value, grads } = tf.variableGrads(() => {
      const error = score(noisy, sigma, features).mul(sigma).add(z);
      return error
        .square()
        .mul(weight)
        .sum()
        .mul(0.5 / plan.batch);
    }, Object.values(variables));
    const squares = Object.values(grads).map((/** @type {Tensor} */ g) => g.square().sum());
    const norm = tf.stack(squares).sum().sqrt();
    const factor = tf.minimum(1, tf.div(MAX_GRAD_NORM, norm.add(1e-6)));
    adam.learningRate = learningRate(plan, step);
    adam.applyGradients(
      Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, g.mul(factor)])),
    );
    const decay = emaDecay(step);
    for (const name of Object.values(names)) {
      const average = averages[name];
      average.assign(average.mul(decay).add(variables[name].mul(1 - decay)));
    }
    step++;
    return value;
  };

  return {
    train: async (steps) => {
      const losses = Array.from({ length: steps }, () => tf.tidy(advance));
      const loss = tf.tidy(() =>
        tf
          .stack(losses)
          .mean()
          .mul(2 / card.dimension),
      );
      // The average is the last thing that a step changes.
      const [[value]] = await Promise.all([loss.data(), averages["head.bias"].data()]);
      tf.dispose([loss, ...losses]);
      return value;
    },
    model: null,
    free: () => {
      tf.dispose([Object.values(variables), Object.values(averages)]);
      adam.dispose();
    },
  };
}

/**
 * The network's score, of images whose channels are last.
 * @param {any} tf @param {import("../model-file.js").Card} card @param {Record<string, Tensor>} w
 * @returns {(x: Tensor, sigma: Tensor, features: Tensor) => Tensor}
 */
function unet(tf, { mean, deviation, patch, groups, heads }, w) {
  const silu = (/** @type {Tensor} */ x) => x.mul(x.sigmoid());
  const linear = (/** @type {Tensor} */ x, /** @type {string} */ name) =>
    tf.matMul(x, w[`${name}.weight`]).add(w[`${name}.bias`]);
  const conv3 = (/** @type {Tensor} */ x, /** @type {string} */ name) =>
    tf.conv2d(x, w[`${name}.weight`], 1, "same").add(w[`${name}.bias`]);
  const conv1 = (/** @type {Tensor} */ x, /** @type {string} */ name) => {
    const weight = w[`${name}.weight`];
    const [inputs, outputs] = weight.shape.slice(2);
    const rows = tf.matMul(x.reshape([-1, inputs]), weight.reshape([inputs, outputs]));
    return rows.add(w[`${name}.bias`]).reshape([...x.shape.slice(0, -1), outputs]);
  };
  const normalize = (/** @type {Tensor} */ x) => {
    const [n, height, width, c] = x.shape;
    const grouped = x.reshape([n, height * width, groups, c / groups]);
    const moments = tf.moments(grouped, [1, 3], true);
    return grouped
      .sub(moments.mean)
      .mul(moments.variance.add(EPSILON).rsqrt())
      .reshape([n, height, width, c]);
  };
  const norm = (/** @type {Tensor} */ x, /** @type {string} */ name) =>
    normalize(x).mul(w[`${name}.gamma`]).add(w[`${name}.beta`]);

  const block = (/** @type {Tensor} */ x, /** @type {string} */ name, /** @type {Tensor} */ e) => {
    const modulation = linear(e, `${name}.modulation`).expandDims(1).expandDims(1);
    const [scale, shift] = tf.split(modulation, 2, 3);
    let h = conv3(silu(norm(x, `${name}.norm1`)), `${name}.conv1`);
    h = normalize(h).mul(scale.add(1)).add(shift);
    const shortcut = w[`${name}.shortcut.weight`] ? conv1(x, `${name}.shortcut`) : x;
    return conv3(silu(h), `${name}.conv2`).add(shortcut);
  };
  const attention = (/** @type {Tensor} */ x, /** @type {string} */ name) => {
    const [n, height, width, c] = x.shape;
    const [q, k, v] = tf.unstack(
      conv1(norm(x, `${name}.norm`), `${name}.qkv`)
        .reshape([n, height * width, 3, heads, c / heads])
        .transpose([2, 0, 3, 1, 4]),
    );
    const shares = tf.softmax(tf.matMul(q, k, false, true).mul((c / heads) ** -0.5));
    const mixed = tf.matMul(shares, v).transpose([0, 2, 1, 3]).reshape(x.shape);
    return x.add(conv1(mixed, `${name}.out`));
  };
  const fold = (/** @type {Tensor} */ x, /** @type {number} */ p) => {
    const [n, height, width, c] = x.shape;
    return x
      .reshape([n, height / p, p, width / p, p, c])
      .transpose([0, 1, 3, 5, 2, 4])
      .reshape([n, height / p, width / p, c * p * p]);
  };
  const unfold = (/** @type {Tensor} */ x, /** @type {number} */ p) => {
    const [n, height, width, c] = x.shape;
    return x
      .reshape([n, height, width, c / p / p, p, p])
      .transpose([0, 1, 4, 2, 5, 3])
      .reshape([n, height * p, width * p, c / p / p]);
  };

  return (x, sigma, features) => {
    const variance = sigma.square().add(deviation ** 2);
    const e = silu(linear(silu(linear(features, "embedding.first")), "embedding.second"));

    const centered = x.sub(mean);
    let h = conv3(fold(centered.mul(variance.rsqrt()), patch), "stem");
    const fine = block(h, "down.0.blocks.0", e);
    h = conv1(fold(fine, 2), "down.0.resample");
    const coarse = attention(block(h, "down.1.blocks.0", e), "down.1.attention");
    h = block(coarse, "middle", e);
    h = block(tf.concat([h, coarse], 3), "up.1.blocks.0", e);
    h = unfold(conv1(attention(h, "up.1.attention"), "up.1.resample"), 2);
    h = block(tf.concat([h, fine], 3), "up.0.blocks.0", e);
    const raw = unfold(conv3(silu(norm(h, "head_norm")), "head"), patch);
    const skip = centered.div(variance);
    return raw.mul(tf.div(deviation, sigma.mul(variance.sqrt()))).sub(skip);
  };
}
