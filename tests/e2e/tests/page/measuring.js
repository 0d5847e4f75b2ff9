// @ts-check
/**
 * Measures tiles with an engine that only counts how it is used: while the GPU is busy, twice at a time, and after an
 * error.
 * @param {string} scripts the address of the page's scripts @param {(result: unknown) => void} answer
 */
(async (scripts, answer) => {
  const { tune } = await import(`${scripts}engine/tuning.js`);
  let [calls, idle, fails, underWay, most] = [0, false, false, 0, 0];
  const engine = {
    async tune() {
      calls += 1;
      if (fails) throw new Error("the driver does not answer");
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, 20));
      underWay -= 1;
      return calls < 3 ? undefined : "tiles";
    },
  };
  const listeners = new Set();
  const { addEventListener, removeEventListener } = window;
  Object.assign(window, {
    addEventListener: (/** @type {[string, any]} */ ...event) => {
      listeners.add(event[1]);
      addEventListener.apply(window, event);
    },
    removeEventListener: (/** @type {[string, any]} */ ...event) => {
      listeners.delete(event[1]);
      removeEventListener.apply(window, event);
    },
  });
  const run = { dead: false, withChains: (/** @type {() => unknown} */ use) => use() };
  const go = () => tune(engine, run, () => idle, 1, "tiles of a test");
  await go();
  const busy = calls;
  idle = true;
  await Promise.all([go(), go()]);
  const found = localStorage.getItem("tiles of a test");
  fails = true;
  localStorage.removeItem("tiles of a test");
  const error = await go().catch((/** @type {Error} */ { message }) => message);
  answer({ busy, calls, most, found, error, listeners: listeners.size });
})(arguments[0], arguments[1]).catch((error) => arguments[1]({ error: String(error) }));
