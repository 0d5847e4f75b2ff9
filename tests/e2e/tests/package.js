// @ts-check
/**
 * What a plain page does with the package.
 * @param {(result: unknown) => void} answer
 */
(async (answer) => {
  const { loadModel } = await import("ncsn");
  const devices = [];
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    devices.push(device);
    return device;
  };
  // Another user of WebGPU, who asks for what no GPU has while a device is opened for a model.
  const { requestAdapter } = GPU.prototype;
  let foreign;
  const asForeign = async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const requiredLimits = { maxBindGroups: 1e6 };
    const { name } = await adapter.requestDevice({ requiredLimits }).catch((error) => error);
    return `${name} ${Object.keys(adapter)}`;
  };
  GPU.prototype.requestAdapter = function (...options) {
    foreign ??= Promise.resolve().then(asForeign);
    return requestAdapter.apply(this, options);
  };
  const address = "models/mnist-fewstep.safetensors";
  const heard = [];
  const model = await loadModel(address, { onProgress: (...bytes) => heard.push(bytes) });
  const canvas = document.querySelector("canvas");
  const options = { seed: 7, count: 4, steps: 2 };
  const steps = [];
  let last;
  for await (const frame of model.sample(options)) {
    frame.draw(canvas, { columns: 1, gap: 0 });
    steps.push(frame.step);
    last = frame;
  }
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const blob = await last.toBlob();
  const bitmap = await createImageBitmap(blob);
  const file = await (await fetch(address)).arrayBuffer();
  const other = await loadModel(new Uint8Array(file));
  for (const given of [file, new DataView(file), new File([file], "a")])
    (await loadModel(given)).dispose();
  const finished = await other.sample(options).finish();
  const another = await other.sample({ ...options, seed: 8n }).finish();

  const cancel = new AbortController();
  const canceled = model.sample({ ...options, signal: cancel.signal });
  await canceled.next();
  cancel.abort();
  const left = model.sample(options);
  for await (const _ of left) break;
  const afterwards = await left.next();
  // A loop can be left after an abort, too.
  const stop = new AbortController();
  for await (const _ of model.sample({ ...options, signal: stop.signal })) {
    stop.abort();
    break;
  }
  const interrupted = model.sample(options);
  await interrupted.next();
  model.dispose();
  const huge = new Response(new ReadableStream(), {
    headers: { "content-length": String(2 ** 30), "content-type": "application/octet-stream" },
  });
  const { fetch: usual } = window;
  window.fetch = (url, ...more) =>
    String(url).endsWith("huge.safetensors") ? Promise.resolve(huge) : usual(url, ...more);

  const errors = [];
  const fails = async (act) => {
    try {
      await act();
      errors.push("none");
    } catch (error) {
      errors.push(`${typeof error.code === "string" ? error.code : error.name}: ${error.message}`);
    }
  };
  await fails(() => other.sample({ count: 0 }));
  await fails(() => other.sample({ class: 3 }));
  await fails(() => other.sample({ steps: 0.5 }));
  await fails(() => loadModel("hf:nobody"));
  await fails(() => loadModel(new Uint8Array(100)));
  await fails(() => loadModel("none.safetensors"));
  await fails(() => loadModel("huge.safetensors"));
  await fails(() => model.sample());
  await fails(() => interrupted.next());
  await fails(() => canceled.next());
  await fails(() => left.finish());
  await fails(() => loadModel({}));
  await fails(() => other.sample({ guidance: 1e39 }));
  await fails(() => other.sample({ settings: { sigma_max: undefined, levels: "many" } }));
  await fails(() => other.sample({ classes: 3 }));
  await fails(() => other.sample({ settings: { churn: { amont: 3 } } }));
  await fails(() => loadModel(file, { presicion: "f32" }));
  const churned = other.sample({ sampler: "heun", settings: { churn: { amount: 3 } } });
  // As when a driver fails in the midst of the work.
  const under = other.sample(options);
  await under.next();
  await fails(() => {
    devices[0].destroy();
    return under.finish();
  });
  other.dispose();
  // As when a GPU has no memory for so many images: the next model gets another device.
  const shared = devices.length;
  const exact = await loadModel(address, { precision: "f32" });
  const full = devices.at(-1);
  const error = new GPUOutOfMemoryError("as a test");
  full.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error }));
  await fails(() => exact.sample(options).finish());
  await fails(() => exact.sample(options).finish());
  const anew = await loadModel(address, { precision: "f32" });
  const { done } = await anew.sample(options).finish();
  const recovered = done && devices.at(-1) !== full;
  exact.dispose();
  anew.dispose();
  const late = new Promise((resolve) => setTimeout(resolve, 10_000, { reason: "never" }));
  const { reason: lost } = await Promise.race([full.lost, late]);
  Object.defineProperty(Navigator.prototype, "gpu", { value: undefined });
  await fails(() => loadModel(address));

  const { classNumbers } = await import("./node_modules/ncsn/lib/classes.js");
  const classes = Array.from({ length: 10 }, (_, at) => ({ name: `digit ${at}` }));
  const asked = (wanted) => {
    try {
      return classNumbers(wanted, { name: "digits", classes })?.join() ?? "at random";
    } catch (error) {
      return error.code;
    }
  };
  answer({
    left: afterwards.done,
    classes: [undefined, [], 7, "7", "digit 7", [1, "2", "digit 3"]].map(asked),
    noClasses: ["", null, "7,", " 7", true, "0x7", "1e0", 1.5, -1, 10, "10", [7, ""]].map(asked),
    churn: churned.settings.churn,
    steps,
    drawn: Array.from(data),
    finished: Array.from(finished.pixels()),
    other: Array.from(another.pixels()),
    progress: heard.at(-1),
    png: `${blob.type} ${bitmap.width} × ${bitmap.height}`,
    errors,
    foreign: await foreign,
    devices: shared,
    recovered,
    lost,
  });
})(arguments[0]).catch((error) => arguments[0]({ error: `${error.code}: ${error.message}` }));
