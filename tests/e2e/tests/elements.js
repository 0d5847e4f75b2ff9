// @ts-check
/**
 * What a page does with its elements.
 * @param {(result: unknown) => void} answer
 */
(async (answer) => {
  const [one, two, far] = ["one", "two", "far"].map((id) => document.getElementById(id));
  const told = (element, name) =>
    new Promise((resolve, reject) => {
      element.addEventListener(name, resolve, { once: true });
      if (name !== "error") element.addEventListener("error", ({ detail }) => reject(detail));
    });
  const finished = async (element) => {
    if (element.state !== "finished") await told(element, "finish");
    return Array.from(element.frame.pixels());
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
  await new Promise((resolve) => setTimeout(resolve, 500));
  again.remove();

  // It is removed in the middle of a run.
  while (!(two.frame?.step > 0 && two.state === "running")) await told(two, "frame");
  let after = 0;
  const before = two.state;
  two.addEventListener("frame", () => (after += 1));
  two.remove();
  const running = `${before} ${two.state}`;
  one.restart();
  await told(one, "finish");

  one.setAttribute("model", "models/none.safetensors");
  await told(one, "error");
  const alert = one.shadowRoot.querySelector("[role=alert]").textContent;
  const { reason } = await devices.at(-1).lost;
  answer({
    first,
    changed,
    label,
    running,
    loads,
    after,
    alert,
    far: far.state,
    devices: devices.length,
    closed: reason,
  });
})(arguments[0]).catch((error) => arguments[0]({ error: `${error.code}: ${error.message}` }));
