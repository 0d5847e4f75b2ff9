// @ts-check
/**
 * What a page does with its elements.
 * @param {(result: unknown) => void} answer
 */
(async (answer) => {
  const [one, two, early, far] = ["one", "two", "early", "far"].map((id) =>
    document.getElementById(id),
  );
  const told = (element, name) =>
    new Promise((resolve, reject) => {
      element.addEventListener(name, resolve, { once: true });
      if (name !== "error") element.addEventListener("error", ({ detail }) => reject(detail));
    });
  const finished = async (element) => {
    if (element.state !== "finished") await told(element, "finish");
    return Array.from(element.frame.pixels());
  };
  const restarted = (element, options) => {
    element.restart(options);
    return finished(element);
  };
  /** A new element in the page, which has begun. */
  const added = (properties) => {
    const element = Object.assign(document.createElement("ncsn-sampler"), properties);
    document.body.prepend(element);
    element.play();
    return element;
  };
  const first = await finished(one);
  const label = one.shadowRoot.querySelector("canvas").ariaLabel;
  one.steps = 1;
  await told(one, "finish");
  const changed = await finished(one);

  // A model is announced once, also if a run begins anew before there is a frame.
  let loads = 0;
  const again = document.createElement("ncsn-sampler");
  again.setAttribute("model", one.getAttribute("model"));
  again.addEventListener("load", () => {
    loads += 1;
    if (loads < 3) again.restart();
  });
  document.body.append(again);
  again.play();
  await told(again, "load");
  while (again.state !== "running") await new Promise((resolve) => setTimeout(resolve, 20));
  again.remove();

  // It is removed in the middle of a run, which begins anew here and is too long to be over by then.
  two.steps = 1000;
  await told(two, "frame");
  while (!(two.frame?.step > 0 && two.state === "running")) await told(two, "frame");
  let after = 0;
  const before = two.state;
  two.addEventListener("frame", () => (after += 1));
  two.remove();
  // By then it was not merely moved.
  await Promise.resolve();
  const running = `${before} ${two.state}`;
  one.restart();
  await told(one, "finish");

  // `class` asks for classes only if every name in it is one.
  const asked = await finished(early);
  const { model, count, steps, seed } = early;
  const plain = added({ model, count, steps, seed });
  const atRandom = await finished(plain);
  plain.className = "hero 7";
  // A restart would have begun by then.
  await new Promise((resolve) => setTimeout(resolve));
  const styled = plain.state;
  plain.className = "7";
  await told(plain, "finish");
  const byClass = await finished(plain);

  // Without the attribute, the seed of the latest images is the one to repeat.
  const other = added({ model: one.model, count: 1, steps: 1 });
  await finished(other);
  const seeds = [
    await restarted(other),
    await restarted(other, { sameSeed: true }),
    await restarted(other),
  ];
  // One that is moved goes on, with its images.
  plain.after(other);
  await Promise.resolve();
  const moved = `${other.state} ${other.frame !== null}`;
  other.setAttribute("aria-label", "Digits");
  const { ariaLabel } = other.shadowRoot.querySelector("canvas");
  // What happens to it on the way counts, too.
  other.remove();
  other.seed = 7;
  plain.after(other);
  await told(other, "finish");
  const onTheWay = [await finished(other)];
  other.remove();
  other.play();
  plain.after(other);
  await told(other, "finish");
  onTheWay.push(await finished(other));

  // It may be told to play before it is in the page, or to play by itself when it is there.
  const played = document.createElement("ncsn-sampler");
  Object.assign(played, { model: one.model, count: 1, steps: 1 }).play();
  document.body.prepend(played);
  await finished(played);
  const late = document.createElement("ncsn-sampler");
  Object.assign(late, { model: one.model, count: 1, steps: 1 });
  document.body.prepend(late);
  await new Promise(requestAnimationFrame);
  late.autoplay = true;
  await finished(late);

  const bare = document.createElement("ncsn-sampler");
  document.body.prepend(bare);
  const without = told(bare, "error");
  bare.play();
  const missing = `${(await without).detail.code} ${bare.state}`;

  // Where less motion is wanted, a pause acts before the images are finished.
  const { matchMedia } = window;
  window.matchMedia = () => Object.assign(new EventTarget(), { matches: true });
  const calm = added({ model, count: 1, steps: 40 });
  const reading = calm.shadowRoot.querySelector(".reading");
  while (!reading.textContent.startsWith("step")) await new Promise(requestAnimationFrame);
  window.matchMedia = matchMedia;
  calm.pause();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const paused = `${calm.state} ${calm.frame}`;
  calm.play();
  await finished(calm);
  // So that those below are in sight again.
  for (const element of [played, late, bare, calm]) element.remove();

  const set = { hub: "https://hub", classes: "1,2", sampler: "heun", guidance: 0 };
  const reflecting = Object.assign(document.createElement("ncsn-sampler"), set);
  const reflected = Object.keys(set).map((name) => reflecting.getAttribute(name));
  // Frameworks also set what they are not given.
  for (const name of ["model", "count", "steps", "seed", ...Object.keys(set)])
    reflecting[name] = undefined;
  const unset = reflecting.getAttributeNames();

  const farBefore = far.state;
  far.scrollIntoView();
  await finished(far);
  const canvas = far.shadowRoot.querySelector("canvas");
  far.style.width = "100px";
  const fits = () => canvas.clientWidth > 1 && canvas.clientWidth <= far.clientWidth;
  for (let frame = 0; frame < 100 && !fits(); frame++) await new Promise(requestAnimationFrame);
  const narrow = fits();
  scrollTo(0, 0);

  // While another element still has the model of a device that is lost, one gets it anew.
  const { length } = devices;
  devices[0].destroy();
  const lost = told(one, "error");
  one.restart();
  const { code } = (await lost).detail;
  one.play();
  await finished(one);

  one.setAttribute("model", "models/none.safetensors");
  await told(one, "error");
  const message = one.shadowRoot.querySelector("[role=alert]");
  const alert = message.textContent;
  one.remove();
  await Promise.resolve();
  document.body.append(one);
  const quiet = message.hidden && one.state;
  for (const element of document.querySelectorAll("ncsn-sampler")) element.remove();
  const { reason } = await devices.at(-1).lost;
  answer({
    first,
    changed,
    label,
    running,
    loads,
    after,
    asked,
    atRandom,
    styled,
    byClass,
    seeds,
    moved,
    ariaLabel,
    onTheWay,
    missing,
    paused,
    reflected,
    unset,
    early: [count, early.autoplay, Object.keys(early)],
    narrow,
    code,
    alert,
    quiet,
    far: farBefore,
    devices: [length, devices.length],
    closed: reason,
  });
})(arguments[0]).catch((error) => arguments[0]({ error: `${error.code}: ${error.message}` }));
