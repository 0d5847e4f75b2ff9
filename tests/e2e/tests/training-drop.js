// @ts-check
/**
 * Drops something on the panel "Train": a folder with two images, a text, what a system has put there, and another
 * folder with an image; or a single image.
 * @param {"folder" | "file"} what @param {(error?: string) => void} answer
 */
(async (what, answer) => {
  const image = async (/** @type {string} */ name) => {
    const canvas = new OffscreenCanvas(40, 40);
    canvas.getContext("2d")?.fillRect(4 * name.length, 8, 16, 16);
    return new File([await canvas.convertToBlob()], name, { type: "image/png" });
  };
  // Scripts cannot drop folders, so these are what a browser would make of one.
  const file = (/** @type {File} */ of) => ({
    isFile: true,
    file: (/** @type {(of: File) => void} */ resolve) => resolve(of),
  });
  const folder = (/** @type {any[][]} */ ...portions) => ({
    isFile: false,
    createReader() {
      const left = [...portions, []];
      return { readEntries: (/** @type {(some: any) => void} */ resolve) => resolve(left.shift()) };
    },
  });
  const transfer = new DataTransfer();
  const entry = DataTransferItem.prototype.webkitGetAsEntry;
  if (what === "folder") {
    const inner = folder([file(await image("inner.png"))]);
    const some = [file(await image("a.png")), file(new File(["text"], "notes.txt"))];
    const more = [file(await image("bb.png")), file(new File([""], ".DS_Store")), inner];
    const dropped = /** @type {any} */ (folder(some, more));
    DataTransferItem.prototype.webkitGetAsEntry = () => dropped;
    transfer.items.add(new File([], "folder"));
  } else transfer.items.add(await image("single.png"));
  const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
  document.getElementById("train-zone")?.dispatchEvent(new DragEvent("drop", options));
  DataTransferItem.prototype.webkitGetAsEntry = entry;
  answer();
})(arguments[0], arguments[1]).catch((error) => arguments[1](String(error)));
