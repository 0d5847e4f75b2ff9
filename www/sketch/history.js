// @ts-check
/** What was on a sheet before, to undo and to do again. */

/** How many times one can undo, and how many bytes that may take: fewer times on a large canvas. */
const UNDOS = 50;
const MAX_BYTES = 16 * 1024 * 1024;

/** @typedef {{ data: Uint8ClampedArray, used: boolean }} Contents `used` if anything was drawn since it was empty */

export class History {
  /** @type {Contents[]} */ #past = [];
  /** @type {Contents[]} what was undone */ #undone = [];

  /** Remembers what is about to change. @param {Contents} present */
  note(present) {
    this.#past.push(present);
    const most = Math.max(1, Math.min(UNDOS, Math.floor(MAX_BYTES / present.data.byteLength)));
    if (this.#past.length > most) this.#past.shift();
    this.#undone = [];
  }

  /** @param {Contents} present @returns {Contents | undefined} what was before it, if anything */
  undo(present) {
    return swap(this.#past, this.#undone, present);
  }

  /** @param {Contents} present @returns {Contents | undefined} what was there before it was undone, if anything */
  redo(present) {
    return swap(this.#undone, this.#past, present);
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }
}

/** @param {Contents[]} from @param {Contents[]} to @param {Contents} present */
function swap(from, to, present) {
  const contents = from.pop();
  if (contents) to.push(present);
  return contents;
}
