// @ts-check
/** This project's trainer, the page's bundle `engines/training`. */

/** @type {Promise<any> | undefined} */ let bundle;

/**
 * @param {import("../training.js").EngineOptions & { script: string }} options
 * @param {import("../training.js").Start} start
 * @returns {Promise<import("../training.js").Trainer>}
 */
export async function load({ script }, { plan, images, model }) {
  bundle ??= import(script).then(async (module) => {
    await module.default();
    return module.Trainer;
  });
  const trainer = await (await bundle).create(plan, images, model);
  return {
    train: async (steps) => (await trainer.train(steps)).loss,
    model: () => trainer.model(),
    free: () => trainer.free(),
  };
}
