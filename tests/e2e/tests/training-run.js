// @ts-check
/**
 * Goes on with a training run that was paused after its last step, with a trainer that only counts what it is asked for,
 * in a browser that reports late that a device has finished unless something is submitted to it, as Firefox does. Then
 * trains for as many steps again, goes back, and goes on before that has ended. At last trains where there is no memory
 * for samples.
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
  let [trained, missing, step] = [0, 0, plan.steps];
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
    onNoSamples: () => (missing += 1),
    onTrouble: (/** @type {unknown} */ error) => answer({ error: String(error) }),
    onNotKept() {},
  };
  const classOf = (/** @type {any} */ made) => ({
    async create() {
      await new Adapter().requestDevice();
      return made;
    },
  });
  run = new TrainingRun(classOf(trainer), { id: "done", plan, images }, observer);
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
  const again = trained;

  step = 0;
  let kept = false;
  const samples = async () => {
    throw Object.assign(new Error("no room"), { code: "out-of-memory" });
  };
  const beginning = { id: "lacking", plan, images };
  const onKept = () => (kept = true);
  run = new TrainingRun(classOf({ ...trainer, samples }), beginning, { ...observer, onKept });
  await run.prepare();
  await toTheEnd();
  answer({ ...first, again, goesOn, lacking: trained - again, missing, kept });
})(arguments[0], arguments[1]).catch((error) => arguments[1]({ error: String(error) }));
