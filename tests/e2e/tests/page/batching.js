// Anneals at full speed on simulated GPUs in simulated time. For each it answers with the fraction
// of time that the GPU was busy after the first second, the longest piece of work requested at
// once, images per second, and the longest wait for what is read back within a millisecond.
// `arguments` are the address of the page's scripts and the callback for the answer.
const [www, answer] = arguments;
const FRAME = 1000 / 60;
/** The additional time of the first step, when kernels are compiled. */
const COMPILING = 300;

let now = 0;
let events = [];
const at = (time, run) => events.push({ time, run });

/** Lets time pass. */
async function pass(milliseconds) {
  const end = now + milliseconds;
  for (;;) {
    // First let everything that waits for a promise run.
    for (let turn = 0; turn < 50; turn++) await null;
    const next = events.reduce((first, event) => (event.time < first.time ? event : first), {
      time: end,
    });
    now = next.time;
    if (!next.run) return;
    events = events.filter((event) => event !== next);
    next.run();
  }
}

/** @param {boolean} looks whether completion is only noticed ten times a second and whenever something is submitted, as in Firefox */
async function visit({ Run }, { createEngine, observe }, step, latency, looks) {
  events = [];
  let [done, free, worked, longest, images] = [0, now, 0, 0, 0];
  let waiting = [];
  const look = () => {
    waiting.filter(({ end }) => end <= now).forEach(({ tell }) => at(now + 1, tell));
    waiting = waiting.filter(({ end }) => end > now);
  };
  const queue = { submit: looks ? look : () => {} };
  const device = { queue, lost: new Promise(() => {}), addEventListener() {} };
  globalThis.GPUAdapter = class {};
  GPUAdapter.prototype.requestDevice = async () => device;
  observe(() => {});
  if (looks)
    at(now, function again() {
      look();
      at(now + latency, again);
    });

  const start = now;
  const measured = start + COMPILING + 1000;
  /** The result of work that ends at a time: told after the latency, or when the browser next looks. */
  const told = (end, result) =>
    new Promise((resolve) => {
      const tell = () => resolve(result());
      if (looks) waiting.push({ end, tell });
      else at(end + latency, tell);
    });
  const read = () => told(now + 1, () => undefined);
  const wasmChain = {
    progress: () => ({ step: done, steps: 1e9, done: false }),
    advance(count) {
      const work = count * step + (done ? 0 : COMPILING);
      const begins = Math.max(now, free);
      const end = (free = begins + work);
      worked += Math.max(0, end - Math.max(begins, measured));
      if (done) longest = Math.max(longest, work);
      return told(end, () => ((done += count), wasmChain.progress()));
    },
    pixels: read,
    values: read,
    verify: read,
    free() {},
  };
  // As the wasm module does, it asks for a device while it is made.
  const Engine = {
    async create() {
      await GPUAdapter.prototype.requestDevice();
      return { load() {}, precision: () => "f32", start: () => wasmChain, free() {} };
    },
  };
  const wasmModule = { Engine };
  const engine = await createEngine("fused", { wasmModule, adapter: "", onFailure() {} });
  const chain = engine.start();
  const observer = {
    onState() {},
    onProgress() {},
    onDraw: async () => void (images += Number(now >= measured)),
    onError: (error) => {
      throw error;
    },
  };
  const run = new Run(observer);
  run.speed = "full";
  run.restart(async () => chain, true);
  await pass(measured - start);
  await pass(5000);
  run.kill();
  let reading = 0;
  for (const name of ["pixels", "values", "verify"]) {
    const began = now;
    chain[name]().then(() => (reading = Math.max(reading, now - began)));
    await pass(1000);
  }
  return { step, latency, busy: worked / 5000, longest, images: images / 5, reading };
}

const timers = new Set();
Object.assign(globalThis, {
  requestAnimationFrame: (run) => at((Math.floor(now / FRAME) + 1) * FRAME, run),
  setInterval(run, every) {
    const timer = {};
    timers.add(timer);
    at(now + every, function again() {
      if (!timers.has(timer)) return;
      run();
      at(now + every, again);
    });
    return timer;
  },
  clearInterval: (timer) => timers.delete(timer),
});
performance.now = () => now;
Object.defineProperty(navigator, "userAgent", { value: "Gecko Firefox/150.0", configurable: true });

(async () => {
  const modules = await Promise.all(["run/run.js", "engine/engine.js"].map((name) => import(new URL(name, www))));
  const visits = [];
  for (const latency of [0, 3, 13, 103]) {
    for (const step of [0.1, 0.3, 1, 10, 100, 400])
      visits.push(await visit(...modules, step, latency, latency > 100));
  }
  return visits;
})().then(answer, (error) => answer(String(error)));
