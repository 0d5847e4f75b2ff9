// @ts-check
/**
 * Gives the panel "Train" a .zip of generated images, half of them deflated, with a text among them. It may be damaged,
 * and is then named after that.
 * @param {number} count @param {string} damage one of those below, or empty @param {(error?: string) => void} answer
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
    "directory-beyond-end": () => view.setUint32(last + 16, beyond, true),
    "name-beyond-directory": () => view.setUint16(place + 28, 0xffff, true),
    "file-beyond-end": () => view.setUint32(place + 42, beyond, true),
    "contents-beyond-end": () => view.setUint32(place + 20, beyond, true),
    // The second file is deflated, and there is no block of this type.
    contents: () => bytes.fill(0xff, contents[1], contents[1] + 8),
  };
  const file = damages[damage]?.() ?? bytes;
  const transfer = new DataTransfer();
  transfer.items.add(new File([file], `${damage || "discs"}.zip`));
  const input = /** @type {HTMLInputElement} */ (document.getElementById("train-files"));
  input.files = transfer.files;
  input.dispatchEvent(new Event("change"));
  answer();
})(arguments[0], arguments[1], arguments[2]).catch((error) => arguments[2](String(error)));
