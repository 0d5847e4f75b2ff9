// @ts-check
/**
 * The latest training run, in the origin's private file system: what it began with, its last checkpoint and its model.
 * So it survives a reload, a crash, and a laptop that goes to sleep. Nothing leaves the browser.
 *
 * Each run has a folder of its own, and the file `current` names the one that is kept. A new run takes the place of the
 * one before when it has a first checkpoint, so that a full disk or an early reload costs neither. Checkpoint and model
 * are written under other names than the last ones, and count once `kept.json` names them, with their checksums.
 *
 * Finished models are elsewhere: among the visitor's own, in the browser's cache (`model/own-models.js`).
 */
import { sumOf } from "../model/checked-cache.js";

const ROOT = "ncsn training";
const CURRENT = "current";
const KEPT = "kept.json";
/** The ends of the names of checkpoint and model, in turns. Earlier versions had one of each, without such an end. */
const SLOTS = [".0", ".1"];

/** @typedef {import("../types.js").TrainingPlan} TrainingPlan */
/**
 * @typedef {object} Beginning
 * @property {string} id of the run
 * @property {TrainingPlan} plan
 * @property {Uint8Array} images the visitor's own first, then their variants
 * @property {Uint8Array} [model] the file of the model that it began with, if there was one
 */
/**
 * @typedef {object} Progress
 * @property {string} id
 * @property {TrainingPlan} plan
 * @property {number} step
 * @property {number} saved when, in milliseconds since 1970
 */
/**
 * @typedef {object} Files which files belong to it; earlier versions did not say
 * @property {string} [slot] the end of their names
 * @property {{ checkpoint: string, model: string }} [sums] their SHA-256
 */
/** @typedef {Progress & Files} Kept */

/** The folder of all runs, if pages may keep files in this browser. @param {boolean} [create] */
const root = async (create = false) =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT, { create });

/**
 * Replaces a file; what it held is there until all is written.
 * @param {FileSystemDirectoryHandle} folder @param {string} name @param {Uint8Array | string} contents
 */
async function write(folder, name, contents) {
  const file = await folder.getFileHandle(name, { create: true });
  const stream = await file.createWritable();
  await stream.write(/** @type {any} */ (contents));
  await stream.close();
}

/** @param {FileSystemDirectoryHandle} folder @param {string} name @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function read(folder, name) {
  const file = await (await folder.getFileHandle(name)).getFile();
  return new Uint8Array(await file.arrayBuffer());
}

/** The text of a file; empty if there is none. @param {FileSystemDirectoryHandle} folder @param {string} name */
const readText = async (folder, name) =>
  new TextDecoder().decode(await read(folder, name).catch(() => new Uint8Array()));

/** @param {FileSystemDirectoryHandle} folder @returns {Promise<Kept>} */
const readKept = async (folder) => JSON.parse(await readText(folder, KEPT));

/** @param {string} slot */
const checkpointIn = (slot) => `checkpoint${slot}`;
/** @param {string} slot */
const modelIn = (slot) => `model${slot}.safetensors`;

/** The folder of the run that is kept. Earlier versions put its files beside each other into the root. */
async function currentFolder() {
  const all = await root();
  const id = await readText(all, CURRENT);
  return id ? all.getDirectoryHandle(id) : all;
}

/**
 * The folder of a run; `null` if another run has taken its place, or it was deleted.
 * @param {FileSystemDirectoryHandle} all @param {string} id
 */
async function folderOf(all, id) {
  try {
    return await all.getDirectoryHandle(id);
  } catch {
    // An earlier version began it.
    return (await readText(all, "id")) === id ? all : null;
  }
}

/** Removes all but the run that is kept. @param {FileSystemDirectoryHandle} all */
async function removeOthers(all) {
  const current = await readText(all, CURRENT);
  /** @type {FileSystemHandle[]} */
  const entries = [];
  for await (const entry of /** @type {any} */ (all).values()) entries.push(entry);
  for (const { kind, name } of entries) {
    const unused = kind === "directory" ? name !== current : current !== "" && name !== CURRENT;
    // What another tab is writing is left to that tab's next run.
    if (unused) await all.removeEntry(name, { recursive: true }).catch(() => {});
  }
}

/**
 * Works with the files while nothing else changes them: a run may be kept once more when it pauses, or in another tab.
 * @template T @param {"shared" | "exclusive"} mode @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
const locked = async (mode, work) => navigator.locks.request(ROOT, { mode }, work);

/** Notes how a run begins, beside the one that is kept. @param {Beginning} beginning @throws if there is no room */
export const keepBeginning = ({ id, images, model }) =>
  locked("exclusive", async () => {
    const all = await root(true);
    // Runs that never came to a checkpoint.
    await removeOthers(all);
    const folder = await all.getDirectoryHandle(id, { create: true });
    try {
      await write(folder, "images", images);
      if (model) await write(folder, "beginning.safetensors", model);
    } catch (error) {
      await all.removeEntry(id, { recursive: true }).catch(() => {});
      throw error;
    }
  });

/**
 * Notes how far a run has come, which from then on is the one that is kept.
 * @param {Progress} progress @param {Uint8Array} checkpoint @param {Uint8Array} model its file
 * @throws if there is no room, or another run in its place
 */
export const keepProgress = (progress, checkpoint, model) =>
  locked("exclusive", async () => {
    const all = await root().catch(() => null);
    const folder = all && (await folderOf(all, progress.id));
    if (!all || !folder) throw new Error("another run has begun, or this one was deleted");
    const before = await readKept(folder).catch(() => null);
    const slot = before?.slot === SLOTS[0] ? SLOTS[1] : SLOTS[0];
    await write(folder, checkpointIn(slot), checkpoint);
    await write(folder, modelIn(slot), model);
    const [ofCheckpoint, ofModel] = await Promise.all(
      [checkpoint, model].map((bytes) => sumOf(/** @type {Uint8Array<ArrayBuffer>} */ (bytes))),
    );
    const sums = { checkpoint: ofCheckpoint, model: ofModel };
    await write(folder, KEPT, JSON.stringify({ ...progress, slot, sums }));
    if (before) {
      const { slot: old = "" } = before;
      for (const name of [checkpointIn(old), modelIn(old)])
        await folder.removeEntry(name).catch(() => {});
    }
    if (folder === all || (await readText(all, CURRENT)) === progress.id) return;
    await write(all, CURRENT, progress.id);
    await removeOthers(all);
  });

/** What is kept, if anything is. @returns {Promise<Kept | null>} */
export const keptRun = () =>
  locked("shared", async () => readKept(await currentFolder())).catch(() => null);

/**
 * A file of the run that is kept; `null` if it is not what was written.
 * @param {FileSystemDirectoryHandle} folder @param {string} name @param {string} [sum] if it is known
 */
async function readIntact(folder, name, sum) {
  const bytes = await read(folder, name).catch(() => null);
  return bytes && (!sum || (await sumOf(bytes)) === sum) ? bytes : null;
}

/**
 * All that is needed to go on; the checkpoint is `null` if it is damaged.
 * @returns {Promise<Beginning & { checkpoint: Uint8Array | null }>}
 */
export const readRun = () =>
  locked("shared", async () => {
    const folder = await currentFolder();
    const { id, plan, slot = "", sums } = await readKept(folder);
    const [images, checkpoint] = await Promise.all([
      read(folder, "images"),
      readIntact(folder, checkpointIn(slot), sums?.checkpoint),
    ]);
    const model = await read(folder, "beginning.safetensors").catch(() => undefined);
    return { id, plan, images, model, checkpoint };
  });

/** The model of the run that is kept. @throws {Error} if it is damaged */
export const readModel = () =>
  locked("shared", async () => {
    const folder = await currentFolder();
    const { slot = "", sums } = await readKept(folder);
    const model = await readIntact(folder, modelIn(slot), sums?.model);
    if (!model)
      throw new Error(
        "The model that was kept is damaged. “Continue training” makes it again from the checkpoint.",
      );
    return model;
  });

/** Deletes all of it. */
export const forget = () =>
  locked("exclusive", async () => {
    const home = await navigator.storage.getDirectory();
    // There may be nothing.
    await home.removeEntry(ROOT, { recursive: true }).catch(() => {});
  });
