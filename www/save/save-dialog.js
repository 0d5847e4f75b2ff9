// @ts-check
/** More ways to save and send what is shown. The page fetches this when the visitor asks for them. */
import { dialogOf, isDialogOpen, styleDialogs } from "../dom/dialog.js";
import { element } from "../dom/dom.js";
import { filmFiles, morphFile } from "./film-file.js";
import { fileSize } from "../dom/format.js";
import { announce, showSilently } from "../dom/live-region.js";
import { saveAs } from "./png.js";

/**
 * @typedef {object} Shown
 * @property {() => readonly import("../view/film.js").Frame[]} frames of the run
 * @property {number} count of images
 * @property {() => Promise<File>} png of all
 * @property {(() => Promise<ImageData[]>) | null} path the images, if they lead from one seed to another
 * @property {(index: number) => Promise<File>} one
 * @property {(what: "run" | "morph") => string} name of a film's file, without its ending
 * @property {string} link to it
 */

/** @param {Shown} shown */
export async function openSaveDialog(shown) {
  const status = element("p", "", { className: "hint" });
  status.setAttribute("role", "status");
  const list = element("div", "", { className: "ways" });
  /** Ends what is being made when the dialog closes. */
  const closed = new AbortController();
  /** @param {string} id @param {string} label @param {string} hint @param {() => Promise<string>} act says what it has done */
  const way = (id, label, hint, act) => {
    const button = element("button", label, { type: "button", id });
    button.addEventListener("click", async () => {
      // A button that is disabled while it has the focus would lose it.
      if (button.ariaDisabled === "true") return;
      button.ariaDisabled = "true";
      try {
        announce(status, await act());
      } catch (error) {
        announce(status, /** @type {Error} */ (error)?.message ?? String(error));
      }
      button.ariaDisabled = null;
    });
    const row = element("div");
    row.append(button, element("span", hint));
    list.append(row);
    return row;
  };

  /** @param {"run" | "morph"} what @param {string} label @param {string} hint @param {import("./film-file.js").FilmFile} file */
  const film = (what, label, hint, { ending, bytes, make }) =>
    way(
      `save-${what === "run" ? ending : what}`,
      label,
      `${hint}, about ${fileSize(bytes)}`,
      async () => {
        const making = `Making the ${ending === "gif" ? "GIF" : "video"}`;
        announce(status, `${making}…`);
        const file = await make(
          (done) => showSilently(status, `${making}: ${Math.round(100 * done)} %`),
          closed.signal,
        );
        saveAs(file, `${shown.name(what)}.${ending}`);
        return `Saved: ${fileSize(file.size)}.`;
      },
    );
  /** @param {"gif" | "video"} kind @param {string} label @param {string} hint @param {import("./film-file.js").FilmFile} file */
  const filmOfRun = (kind, label, hint, file) =>
    film("run", label, hint, {
      ...file,
      // Read again: a step that was drawn anew meanwhile, as in a window of another size, has another image now.
      async make(...rest) {
        const now = (await filmFiles(shown.frames()))?.[kind];
        if (!now) throw new Error("Other images have taken the place of this run.");
        return now.make(...rest);
      },
    });
  const files = await filmFiles(shown.frames());
  if (files) filmOfRun("gif", "Animated GIF", `the run in ${files.count} frames`, files.gif);
  if (files?.video) filmOfRun("video", "Video", "the run as WebM", files.video);
  const path = await shown.path?.();
  if (path && path.length > 1) {
    film("morph", "Morph", "from seed to seed and back, as GIF", morphFile(path));
    list.append(pathView(path));
  }
  const number = element("input", "", {
    type: "number",
    id: "save-number",
    min: 1,
    max: shown.count,
  });
  number.value = 1;
  number.setAttribute("aria-label", "Number of the image");
  const one = way("save-one", "One image", `of ${shown.count}, as PNG: number`, async () => {
    const index = Math.min(shown.count, Math.max(1, Math.floor(number.value) || 1)) - 1;
    const file = await shown.one(index);
    saveAs(file, file.name);
    return `Saved image ${index + 1}.`;
  });
  one.append(number);
  if ("ClipboardItem" in window)
    way("copy-image", "Copy image", "to paste it elsewhere", async () => {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": shown.png() })]);
      return "Copied.";
    });
  if (navigator.canShare?.({ files: [new File([], "a.png", { type: "image/png" })] }))
    way("share", "Share…", "the images and the link to them", async () => {
      const files = [await shown.png()];
      await navigator.share({ files, url: shown.link }).catch(unlessCanceled);
      return "";
    });
  await styleDialogs();
  // The second of two quick clicks may come before the first has opened the dialog.
  if (isDialogOpen()) return;
  const dialog = dialogOf("save-dialog", "Save and send", [list, status]);
  dialog.addEventListener("close", () => {
    closed.abort();
    dialog.remove();
  });
  dialog.showModal();
}

/** A slider along the images from one seed to another, which shows one of them at a time. @param {ImageData[]} path */
function pathView(path) {
  const [{ width, height }] = path;
  const canvas = element("canvas", "", { id: "path-image", width, height });
  canvas.setAttribute("role", "img");
  const slider = element("input", "", {
    type: "range",
    id: "path-place",
    min: 1,
    max: path.length,
    step: 1,
  });
  slider.value = "1";
  slider.setAttribute("aria-label", "Place on the way from seed to seed");
  const context = canvas.getContext("2d");
  const show = () => {
    const text = `Image ${slider.value} of ${path.length}`;
    slider.setAttribute("aria-valuetext", text);
    canvas.setAttribute("aria-label", text);
    context.putImageData(path[Number(slider.value) - 1], 0, 0);
  };
  slider.addEventListener("input", show);
  show();
  const view = element("div", "", { className: "path-view" });
  view.append(canvas, slider);
  return view;
}

/** @param {Error} error */
function unlessCanceled(error) {
  if (error.name !== "AbortError") throw error;
}
