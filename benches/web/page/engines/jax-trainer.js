// @ts-check
/**
 * jax-js on WebGPU, training the same U-Net: a whole step, with clipping, Adam and the moving
 * average, compiled as one function.
 */
import { readModel } from "../model-file.js";
import { ADAM, MAX_GRAD_NORM, batchOf, emaDecay, learningRate } from "../recipe.js";

/** @typedef {any} Tensor */
/** @typedef {Record<string, Tensor>} Weights */

/** Added to variances, as by default in PyTorch and Burn. */
const EPSILON = 1e-5;

/**
 * @param {import("../training.js").EngineOptions} _options
 * @param {import("../training.js").Start & { model: Uint8Array }} start
 * @returns {Promise<import("../training.js").Trainer>}
 */
export async function load(_options, { plan, images, model }) {
  const jax = await import("@jax-js/jax");
  const devices = await jax.init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("jax-js finds no WebGPU.");
  jax.defaultDevice("webgpu");
  const { numpy: np, tree } = jax;
  const { card, weights } = readModel(model);
  const score = unet(jax, card);
  const lossOf = (
    /** @type {[Weights, Tensor, Tensor, Tensor, Tensor]} */ ...[w, x, z, sigma, features]
  ) => {
    const error = score(w, x.add(z.ref.mul(sigma.ref)), sigma.ref, features)
      .mul(sigma.ref)
      .add(z);
    const factor = sigma.mul(1 / card.deviation);
    return error.ref
      .mul(error)
      .mul(factor.ref.mul(factor).add(1))
      .sum()
      .mul(0.5 / plan.batch);
  };
  // Arguments are handed over, so that whatever is used again must be a `ref`.
  const advance = jax.jit(
    (
      /** @type {[Weights, Weights, Weights, Weights, Tensor, Tensor, Tensor, Tensor, Tensor]} */
      ...[w, first, second, average, x, z, sigma, features, numbers]
    ) => {
      // The learning rate, Adam's corrections of its bias, and the average's decay.
      const [rate, bias1, bias2, decay] = np.split(numbers, 4);
      const [loss, slopes] = jax.valueAndGrad(lossOf)(tree.ref(w), x, z, sigma, features);
      const squares = Object.values(slopes).map((/** @type {Tensor} */ g) =>
        g.ref.mul(g.ref).sum(),
      );
      const norm = np.sqrt(squares.reduce((/** @type {Tensor} */ a, b) => a.add(b)));
      const factor = np.minimum(1, np.reciprocal(norm.add(1e-6)).mul(MAX_GRAD_NORM));
      /** @type {Weights[]} */
      const [w2, first2, second2, average2] = [{}, {}, {}, {}];
      for (const name of Object.keys(w)) {
        const g = slopes[name].mul(factor.ref);
        const m = first[name].mul(ADAM.beta1).add(g.ref.mul(1 - ADAM.beta1));
        const v = second[name].mul(ADAM.beta2).add(g.ref.mul(g).mul(1 - ADAM.beta2));
        const change = m.ref.mul(bias1.ref).div(np.sqrt(v.ref.mul(bias2.ref)).add(ADAM.epsilon));
        const next = w[name].sub(change.mul(rate.ref));
        const kept = average[name].mul(decay.ref);
        average2[name] = kept.add(next.ref.mul(np.subtract(1, decay.ref)));
        [w2[name], first2[name], second2[name]] = [next, m, v];
      }
      return [loss, w2, first2, second2, average2];
    },
  );

  const state = () => {
    const entries = [...weights].map(([name, { shape, values }]) => [
      name,
      np.array(values).reshape(shape),
    ]);
    return /** @type {Weights} */ (Object.fromEntries(entries));
  };
  const zeros = () => tree.map((/** @type {Tensor} */ w) => np.zerosLike(w), state());
  let [w, first, second, average] = [state(), zeros(), zeros(), state()];
  let step = 0;
  const shape = [plan.batch, ...card.shape];
  return {
    train: async (steps) => {
      const losses = [];
      for (const end = step + steps; step < end; ) {
        const { x, z, sigma, features } = batchOf(plan, card, images, step);
        const pixels = (/** @type {Float32Array} */ values) => np.array(values).reshape(shape);
        const levels = np.array(sigma).reshape([plan.batch, 1, 1, 1]);
        const known = np.array(features).reshape([plan.batch, card.embedding]);
        const rate = learningRate(plan, step);
        const decay = emaDecay(step);
        step++;
        const numbers = np.array(
          new Float32Array([
            rate,
            1 / (1 - ADAM.beta1 ** step),
            1 / (1 - ADAM.beta2 ** step),
            decay,
          ]),
        );
        const result = advance(
          w,
          first,
          second,
          average,
          pixels(x),
          pixels(z),
          levels,
          known,
          numbers,
        );
        losses.push(result[0]);
        [, w, first, second, average] = result;
      }
      await jax.blockUntilReady(average);
      const found = await Promise.all(losses.map((loss) => loss.data()));
      return (2 * found.reduce((sum, [loss]) => sum + loss, 0)) / steps / card.dimension;
    },
    model: null,
    free: () => {
      for (const each of [w, first, second, average]) tree.dispose(each);
      advance.dispose();
    },
  };
}

/**
 * The network's score.
 * @param {any} jax @param {import("../model-file.js").Card} card
 * @returns {(w: Weights, x: Tensor, sigma: Tensor, features: Tensor) => Tensor}
 */
function unet({ numpy: np, nn, lax }, card) {
  const { mean, deviation, patch, groups, heads } = card;
  /** @type {Weights} */ let w = {};
  const row = (/** @type {Tensor} */ values) => values.ref.reshape([1, -1, 1, 1]);
  const linear = (/** @type {Tensor} */ x, /** @type {string} */ name) =>
    np.matmul(x, w[`${name}.weight`].ref).add(w[`${name}.bias`].ref);
  const conv = (/** @type {Tensor} */ x, /** @type {string} */ name) =>
    lax.conv(x, w[`${name}.weight`].ref, [1, 1], "SAME").add(row(w[`${name}.bias`]));
  const normalize = (/** @type {Tensor} */ x) => {
    const grouped = x.ref.reshape([x.shape[0], groups, -1]);
    const centered = grouped.ref.sub(grouped.mean(2, { keepdims: true }));
    const variance = centered.ref.mul(centered.ref).mean(2, { keepdims: true });
    return centered.div(np.sqrt(variance.add(EPSILON))).reshape(x.shape);
  };
  const norm = (/** @type {Tensor} */ x, /** @type {string} */ name) =>
    normalize(x)
      .mul(row(w[`${name}.gamma`]))
      .add(row(w[`${name}.beta`]));

  const block = (/** @type {Tensor} */ x, /** @type {string} */ name, /** @type {Tensor} */ e) => {
    const modulation = linear(e.ref, `${name}.modulation`);
    const [n, outputs] = modulation.shape;
    const [scale, shift] = np.split(modulation.reshape([n, outputs, 1, 1]), 2, 1);
    let h = conv(nn.silu(norm(x.ref, `${name}.norm1`)), `${name}.conv1`);
    h = normalize(h).mul(scale.add(1)).add(shift);
    const shortcut = w[`${name}.shortcut.weight`] ? conv(x, `${name}.shortcut`) : x;
    return conv(nn.silu(h), `${name}.conv2`).add(shortcut);
  };
  const attention = (/** @type {Tensor} */ x, /** @type {string} */ name) => {
    const [n, c, height, width] = x.shape;
    const parts = np.split(conv(norm(x.ref, `${name}.norm`), `${name}.qkv`), 3, 1);
    const [q, k, v] = parts.map((/** @type {Tensor} */ part) =>
      part.reshape([n, heads, c / heads, height * width]),
    );
    const products = np.matmul(q.transpose([0, 1, 3, 2]), k).mul((c / heads) ** -0.5);
    const mixed = np.matmul(v, nn.softmax(products, -1).transpose([0, 1, 3, 2]));
    return x.add(conv(mixed.reshape([n, c, height, width]), `${name}.out`));
  };
  const fold = (/** @type {Tensor} */ x, /** @type {number} */ p) => {
    const [n, c, height, width] = x.shape;
    return x
      .reshape([n, c, height / p, p, width / p, p])
      .transpose([0, 1, 3, 5, 2, 4])
      .reshape([n, c * p * p, height / p, width / p]);
  };
  const unfold = (/** @type {Tensor} */ x, /** @type {number} */ p) => {
    const [n, c, height, width] = x.shape;
    return x
      .reshape([n, c / p / p, p, p, height, width])
      .transpose([0, 1, 4, 2, 5, 3])
      .reshape([n, c / p / p, height * p, width * p]);
  };

  return (weights, x, sigma, features) => {
    w = weights;
    const variance = sigma.ref.mul(sigma.ref).add(deviation ** 2);
    const e = nn.silu(linear(nn.silu(linear(features, "embedding.first")), "embedding.second"));

    const centered = x.sub(mean);
    let h = conv(fold(centered.ref.div(np.sqrt(variance.ref)), patch), "stem");
    const fine = block(h, "down.0.blocks.0", e);
    h = conv(fold(fine.ref, 2), "down.0.resample");
    const coarse = attention(block(h, "down.1.blocks.0", e), "down.1.attention");
    h = block(coarse.ref, "middle", e);
    h = block(np.concatenate([h, coarse], 1), "up.1.blocks.0", e);
    h = unfold(conv(attention(h, "up.1.attention"), "up.1.resample"), 2);
    h = block(np.concatenate([h, fine], 1), "up.0.blocks.0", e);
    const raw = unfold(conv(nn.silu(norm(h, "head_norm")), "head"), patch);
    const factor = np.reciprocal(sigma.mul(np.sqrt(variance.ref))).mul(deviation);
    return raw.mul(factor).sub(centered.div(variance));
  };
}
