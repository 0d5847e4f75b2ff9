// @ts-check
/**
 * The latest training run, in the origin's private file system: what it began with, its last checkpoint and its model.
 * So it survives a reload, a crash, and a laptop that goes to sleep. Nothing leaves the browser.
 *
 * Finished models are elsewhere: among the visitor's own, in the browser's cache (`own-models.js`).
 */

const FOLDER = "ncsn training";

/** @typedef {import("./types.js").TrainingPlan} TrainingPlan */
/**
 * @typedef {object} Beginning
 * @property {string} id of the run
 * @property {TrainingPlan} plan
 * @property {Uint8Array} images the visitor's own first, then their variants
 * @property {Uint8Array} [model] the file of the model that it began with, if there was one
 */
/**
 * @typedef {object} Kept
 * @property {string} id
 * @property {TrainingPlan} plan
 * @property {number} step
 * @property {number} saved when, in milliseconds since 1970
 */

/** The folder, if pages may keep files in this browser. @param {boolean} [create] */
const folder = async (create = false) =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create });

/** Replaces a file; what it held is there until all is written. @param {string} name @param {Uint8Array | string} contents */
async function write(name, contents) {
  const file = await (await folder(true)).getFileHandle(name, { create: true });
  const stream = await file.createWritable();
  await stream.write(/** @type {any} */ (contents));
  await stream.close();
}

/** @param {string} name @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function read(name) {
  const file = await (await (await folder()).getFileHandle(name)).getFile();
  return new Uint8Array(await file.arrayBuffer());
}

/** @param {string} name */
const readText = async (name) => new TextDecoder().decode(await read(name));

/** Notes how a run begins, in place of any other. @param {Beginning} beginning @throws if there is no room */
export async function keepBeginning({ id, images, model }) {
  await forget();
  await write("images", images);
  if (model) await write("beginning.safetensors", model);
  await write("id", id);
}

/**
 * Notes how far a run has come.
 * @param {Kept} kept @param {Uint8Array} checkpoint @param {Uint8Array} model its file
 * @throws if there is no room, or another run in its place
 */
export async function keepProgress(kept, checkpoint, model) {
  // One of another tab, say: what it began with would not go with this checkpoint.
  if ((await readText("id").catch(() => "")) !== kept.id)
    throw new Error("another run has begun, or this one was deleted");
  await write("checkpoint", checkpoint);
  await write("model.safetensors", model);
  // Last, so that whatever it names is there.
  await write("kept.json", JSON.stringify(kept));
}

/** What is kept, if anything is. @returns {Promise<Kept | null>} */
export async function keptRun() {
  try {
    return JSON.parse(await readText("kept.json"));
  } catch {
    return null;
  }
}

/** @returns {Promise<Beginning & { checkpoint: Uint8Array }>} all that is needed to go on */
export async function readRun() {
  const { id, plan } = JSON.parse(await readText("kept.json"));
  const [images, checkpoint] = await Promise.all([read("images"), read("checkpoint")]);
  const model = await read("beginning.safetensors").catch(() => undefined);
  return { id, plan, images, model, checkpoint };
}

export const readModel = () => read("model.safetensors");

/** Deletes all of it. */
export async function forget() {
  try {
    await (await navigator.storage.getDirectory()).removeEntry(FOLDER, { recursive: true });
  } catch {
    // There was nothing.
  }
}
