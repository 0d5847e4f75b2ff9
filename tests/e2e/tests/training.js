// @ts-check
/**
 * Gives the panel "Train" a .zip of generated images, half of them deflated, with a text among them. It may be damaged,
 * and is then named after that.
 * @param {number} count @param {string} damage one of those below, "random:" and a seed, or empty
 * @param {(error?: string) => void} answer
 */
(async (count, damage, answer) => {
  const random = (/** @type {number} */ at) => Math.abs((Math.sin(at) * 43758.5453) % 1);
  /** A bright disc on a dark ground. @param {number} at */
  const image = async (at) => {
    const canvas = new OffscreenCanvas(40, 40);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.fillRect(0, 0, 40, 40);
    context.fillStyle = "white";
    context.beginPath();
    context.arc(12 + 16 * random(3 * at), 12 + 16 * random(3 * at + 1), 8, 0, 7);
    context.fill();
    return canvas.convertToBlob();
  };
  /** @type {BlobPart[]} */
  const parts = [];
  /** @type {BlobPart[]} */
  const directory = [];
  let [place, entries] = [0, 0];
  /** Where the contents of each file begin. @type {number[]} */
  const contents = [];
  const add = async (/** @type {string} */ name, /** @type {Blob} */ file) => {
    const deflated = entries % 2 === 1;
    const stream = file.stream().pipeThrough(new CompressionStream("deflate-raw"));
    const packed = deflated ? await new Response(stream).blob() : file;
    const method = deflated ? 8 : 0;
    // Neither times nor checksums matter here.
    const record = (
      /** @type {number} */ length,
      /** @type {[number, number, number][]} */ fields,
    ) => {
      const view = new DataView(new ArrayBuffer(length));
      for (const [at, bytes, value] of fields)
        if (bytes === 2) view.setUint16(at, value, true);
        else view.setUint32(at, value, true);
      return view;
    };
    const sizes = (/** @type {number} */ at) =>
      /** @type {[number, number, number][]} */ ([
        [at, 4, packed.size],
        [at + 4, 4, file.size],
        [at + 8, 2, name.length],
      ]);
    const local = record(30, [[0, 4, 0x04034b50], [8, 2, method], ...sizes(18)]);
    directory.push(
      record(46, [[0, 4, 0x02014b50], [10, 2, method], ...sizes(20), [42, 4, place]]),
      name,
    );
    parts.push(local, name, packed);
    contents.push(place + 30 + name.length);
    place += 30 + name.length + packed.size;
    entries += 1;
  };
  for (let at = 0; at < count; at++) await add(`discs/${at}.png`, await image(at));
  await add("discs/notes.txt", new Blob(["no image"]));
  const listed = new Blob(directory);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(10, entries, true);
  end.setUint32(12, listed.size, true);
  end.setUint32(16, place, true);
  const bytes = new Uint8Array(await new Blob([...parts, listed, end]).arrayBuffer());
  const view = new DataView(bytes.buffer);
  const [last, beyond] = [bytes.length - 22, bytes.length];
  /** @type {Record<string, () => Uint8Array<ArrayBuffer> | void>} */
  const damages = {
    empty: () => bytes.subarray(0, 0),
    text: () => new TextEncoder().encode("a text"),
    cut: () => bytes.subarray(0, last - 8),
    "no-entries": () => view.setUint32(last + 12, 0, true),
    "directory-beyond-end": () => view.setUint32(last + 16, beyond, true),
    "name-beyond-directory": () => view.setUint16(place + 28, 0xffff, true),
    "file-beyond-end": () => view.setUint32(place + 42, beyond, true),
    "contents-beyond-end": () => view.setUint32(place + 20, beyond, true),
    // The second file is deflated, and there is no block of this type.
    contents: () => bytes.fill(0xff, contents[1], contents[1] + 8),
  };
  /** The archive with one to four changes, always the same for a seed (xorshift: Marsaglia 2003). @param {number} seed */
  const damagedAtRandom = (seed) => {
    let state = Math.imul(seed + 1, 0x9e3779b1);
    const below = (/** @type {number} */ end) => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % Math.max(1, end);
    };
    let out = Array.from(bytes);
    for (let left = 1 + below(4); left > 0; left--) {
      // Half of the changes are in the directory and the record at the end.
      const within = below(2) ? out.length : Math.min(out.length, listed.size + 22);
      const at = out.length - 1 - below(within);
      const piece = out.slice(at, at + 1 + below(64));
      const change = below(5);
      if (change === 0) out[at] ^= 1 << below(8);
      else if (change === 1) out[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)];
      else if (change === 2) out = out.slice(0, at);
      else if (change === 3) out.splice(at, piece.length);
      else out.splice(below(out.length), 0, ...piece);
    }
    return new Uint8Array(out);
  };
  const [, seed] = damage.split("random:");
  const file = seed ? damagedAtRandom(Number(seed)) : (damages[damage]?.() ?? bytes);
  const transfer = new DataTransfer();
  transfer.items.add(new File([file], `${damage || "discs"}.zip`));
  const input = /** @type {HTMLInputElement} */ (document.getElementById("train-files"));
  input.files = transfer.files;
  input.dispatchEvent(new Event("change"));
  answer();
})(arguments[0], arguments[1], arguments[2]).catch((error) => arguments[2](String(error)));
