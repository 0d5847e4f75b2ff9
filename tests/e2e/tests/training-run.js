// @ts-check
/**
 * Goes on with a training run that was paused after its last step, with a trainer that only counts what it is asked for,
 * in a browser that reports late that a device has finished unless something is submitted to it, as Firefox does. Then
 * trains for as many steps again, goes back, and goes on before that has ended.
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
  let [trained, step] = [0, plan.steps];
  let restored = Promise.resolve();
  const trainer = {
    step: () => step,
    is_software: () => false,
    train: async () => {
      trained += 1;
      step += plan.steps;
      return { step, loss: 0 };
    },
    async samples() {
      const before = submitted;
      while (submitted < before + 2) await new Promise((resolve) => setTimeout(resolve, 10));
      return new Uint8Array(16);
    },
    nearest: () => ({ numbers: [0], ratios: [0] }),
    model: async () => new Uint8Array(1),
    checkpoint: async () => new Uint8Array(1),
    restore: () => restored,
    free() {},
  };
  const images = new Uint8Array(32);
  /** @type {any} */ let run;
  const states = /** @type {string[]} */ ([]);
  let finish = () => {};
  const observer = {
    onState() {
      states.push(run.state);
      if (run.state === "finished") finish();
    },
    onReport() {},
    onSamples() {},
    onTrouble: (/** @type {unknown} */ error) => answer({ error: String(error) }),
    onNotKept() {},
  };
  const Trainer = {
    async create() {
      await new Adapter().requestDevice();
      return trainer;
    },
  };
  run = new TrainingRun(Trainer, { id: "done", plan, images }, observer);
  /** Goes on to the last step. */
  const toTheEnd = () => {
    const finished = new Promise((resolve) => (finish = () => resolve(undefined)));
    run.start();
    return finished;
  };
  const before = run.busy;
  await run.prepare(new Uint8Array(1));
  await toTheEnd();
  const first = { trained, losses: run.losses.length, busy: [before, run.busy], states };

  await run.change({ steps: 2 * plan.steps });
  await toTheEnd();
  let restore = () => {};
  restored = new Promise((resolve) => (restore = () => resolve(undefined)));
  const back = run.back();
  const end = toTheEnd();
  step = plan.steps;
  restore();
  await back;
  const goesOn = run.state;
  if (goesOn === "running") await end;
  answer({ ...first, again: trained, goesOn });
})(arguments[0], arguments[1]).catch((error) => arguments[1]({ error: String(error) }));
