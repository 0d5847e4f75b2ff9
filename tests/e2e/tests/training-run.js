// @ts-check
/**
 * Goes on with a training run that was paused after its last step, with a trainer that only counts what it is asked for,
 * in a browser that reports late that a device has finished unless something is submitted to it, as Firefox does.
 * @param {string} scripts the address of the page's scripts @param {(result: unknown) => void} answer
 */
(async (scripts, answer) => {
  Object.defineProperty(navigator, "userAgent", { value: "Gecko Firefox/150.0" });
  let submitted = 0;
  const queue = { submit: () => (submitted += 1) };
  const device = { queue, lost: new Promise(() => {}), addEventListener() {} };
  class Adapter {
    async requestDevice() {
      return device;
    }
  }
  Object.assign(window, { GPUAdapter: Adapter });
  const { observe } = await import(`${scripts}engine/engine.js`);
  observe(() => {});
  const { TrainingRun } = await import(`${scripts}train/run.js`);
  const imageShape = { channels: 1, height: 4, width: 4 };
  const plan = { imageShape, name: "done", steps: 6, batch: 4, learningRate: 1, seed: 1 };
  let trained = 0;
  const trainer = {
    step: () => plan.steps,
    is_software: () => false,
    train: async () => {
      trained += 1;
      return { step: plan.steps, loss: 0 };
    },
    async samples() {
      const before = submitted;
      while (submitted < before + 2) await new Promise((resolve) => setTimeout(resolve, 10));
      return new Uint8Array(16);
    },
    nearest: () => new Float32Array(2),
    model: async () => new Uint8Array(1),
    checkpoint: async () => new Uint8Array(1),
    restore() {},
    free() {},
  };
  const images = new Uint8Array(32);
  /** @type {any} */ let run;
  const states = /** @type {string[]} */ ([]);
  const finished = new Promise((resolve, reject) => {
    const observer = {
      onState() {
        states.push(run.state);
        if (run.state === "finished") resolve(undefined);
      },
      onReport() {},
      onSamples() {},
      onTrouble: reject,
      onNotKept() {},
    };
    const Trainer = {
      async create() {
        await new Adapter().requestDevice();
        return trainer;
      },
    };
    run = new TrainingRun(Trainer, { id: "done", plan, images }, observer);
  });
  const before = run.busy;
  await run.prepare(new Uint8Array(1));
  run.start();
  await finished;
  answer({ trained, losses: run.losses.length, busy: [before, run.busy], states });
})(arguments[0], arguments[1]).catch((error) => arguments[1]({ error: String(error) }));
