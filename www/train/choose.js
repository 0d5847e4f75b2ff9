// @ts-check
/** The first part of the panel: which images a network is to learn, as it will see them. */
import { element } from "../dom/dom.js";
import { countOf } from "../dom/format.js";
import { TrainingSketch } from "./draw.js";
import { dropped, imagesOf } from "./files.js";
import { TrainingImages, canvasOf, mostImages } from "./images.js";

/** How many images are shown: thousands of canvases would make the page slow. */
const SHOWN = 96;
/** How many files that were refused are named. */
const NAMED = 3;

/** @typedef {import("../types.js").ImageShape} ImageShape */

export class ImageChooser {
  root = element("section");
  images;
  #onChange;
  #zone = element("div", "", { className: "train-zone", id: "train-zone" });
  #thumbs = element("ul", "", { className: "train-thumbs", id: "train-thumbs" });
  #status = element("p", "", { className: "hint", id: "train-images-status" });
  #clear = element("button", "Remove all", { type: "button", className: "link" });
  #toggle = element("button", "Draw…", { type: "button", id: "train-draw" });
  #sketch;
  /** @type {HTMLElement} */ #drawing;
  /** Makes changes one after another. @type {Promise<unknown>} */ #work = Promise.resolve();
  /** Rises when all images are removed: those that are still to come are not wanted any more, either. */
  #removals = 0;
  /** What is said of the latest files that were left out. */
  #left = "";

  /** @param {ImageShape} shape @param {string} paper @param {() => void} onChange */
  constructor(shape, paper, onChange) {
    this.images = new TrainingImages(shape, paper);
    this.#onChange = onChange;
    this.#sketch = new TrainingSketch((drawing) => this.#addDrawing(drawing));
    this.#status.setAttribute("role", "status");
    const files = this.#input("train-files", { accept: "image/*,.zip", multiple: true });
    const folder = this.#input("train-folder", { webkitdirectory: true });
    const buttons = element("div", "", { className: "actions" });
    buttons.append(
      this.#button("Files…", () => files.click()),
      this.#button("Folder…", () => folder.click()),
      this.#toggle,
    );
    this.#toggle.setAttribute("aria-expanded", "false");
    this.#toggle.addEventListener("click", () => this.#draw());
    this.#zone.append(
      element("p", "Drop images here, a folder, or a .zip of them"),
      buttons,
      files,
      folder,
    );
    this.#drawing = this.#sketch.root;
    this.#drawing.hidden = true;
    this.#thumbs.setAttribute("aria-label", "Your images, as the network sees them");
    this.#clear.addEventListener("click", () => this.#removeAll());
    const under = element("div", "", { className: "train-under" });
    under.append(this.#status, this.#clear);
    this.root.append(element("h3", "Your images"), this.#zone, this.#drawing, this.#thumbs, under);
    this.#sketch.shape(shape, paper);
    this.#show();
  }

  /** Shows images in another shape. @param {ImageShape} shape @param {string} paper behind what is transparent */
  reshape(shape, paper) {
    this.#sketch.shape(shape, paper);
    return this.#then(async () => {
      const gone = await this.images.reshape(shape, paper);
      if (gone.length) this.#left = leftOut(gone.map((name) => [name, "its file is gone"]));
      this.#show();
    });
  }

  /** The images, once all that was asked for is done. */
  async ready() {
    await this.#work;
    return this.images;
  }

  /** Adds what was dropped or pasted. @param {DataTransfer} transfer */
  async take(transfer) {
    const files = await dropped(transfer);
    await this.#addFiles(files);
  }

  /** @param {string} id @param {object} properties */
  #input(id, properties) {
    const input = element("input", "", { type: "file", id, hidden: true, ...properties });
    input.addEventListener("change", async () => {
      const files = [...input.files];
      input.value = "";
      await this.#addFiles(files);
    });
    return input;
  }

  /** @param {string} text @param {() => void} act */
  #button(text, act) {
    const button = element("button", text, { type: "button" });
    button.addEventListener("click", act);
    return button;
  }

  #draw() {
    this.#drawing.hidden = !this.#drawing.hidden;
    this.#toggle.setAttribute("aria-expanded", String(!this.#drawing.hidden));
    if (!this.#drawing.hidden) this.#drawing.querySelector("canvas")?.focus();
  }

  /** @param {ImageData} drawing */
  #addDrawing(drawing) {
    return this.#then(async () => {
      const number = this.images.list.filter(({ source }) => source instanceof ImageData).length;
      await this.images.add(`drawing ${number + 1}`, drawing);
      this.#show();
    });
  }

  /** Removes all images, and those that were asked for before. */
  #removeAll() {
    this.#removals += 1;
    return this.#then(async () => {
      const focused = document.activeElement === this.#clear;
      this.images.list = [];
      this.#left = "";
      this.#show();
      // The button is gone now.
      if (focused) this.#zone.querySelector("button")?.focus();
    });
  }

  /** @param {File[]} files */
  #addFiles(files) {
    const removals = this.#removals;
    return this.#then(async () => {
      /** @type {[string, string][]} */
      const refused = [];
      let full = false;
      for await (const { name, blob } of imagesOf(files, (...what) => refused.push(what))) {
        if (removals !== this.#removals) return;
        if (this.images.list.length >= mostImages(this.images.shape)) {
          full = true;
          break;
        }
        try {
          await this.images.add(name, blob);
        } catch {
          refused.push([name, "this browser cannot read it"]);
        }
        const { length } = this.images.list;
        if (length % 25 === 0) {
          this.#status.textContent = `Reading ${countOf(length, "image")}…`;
          await new Promise((resume) => setTimeout(resume));
        }
      }
      this.#left = refused.length ? leftOut(refused) : "";
      if (full)
        this.#left += ` No more than ${mostImages(this.images.shape).toLocaleString("en")} of this size can be used.`;
      this.#show();
    });
  }

  /** @template T @param {() => Promise<T>} work */
  #then(work) {
    const done = this.#work.then(work);
    this.#work = done.catch((error) => {
      this.#status.textContent = `These could not be read: ${error?.message ?? error}`;
    });
    return this.#work;
  }

  #show() {
    const { list, shape } = this.images;
    this.#thumbs.replaceChildren(
      ...list.slice(0, SHOWN).map((image, at) => {
        const button = element("button", "", { type: "button", title: `${image.name}: remove` });
        button.setAttribute("aria-label", `Remove ${image.name}`);
        button.append(canvasOf(image.planes, shape));
        button.addEventListener("click", () => {
          this.images.list = this.images.list.filter((other) => other !== image);
          this.#show();
          const next = this.#thumbs.querySelectorAll("button");
          (next[Math.min(at, next.length - 1)] ?? this.#zone.querySelector("button")).focus();
        });
        const item = element("li");
        item.append(button);
        return item;
      }),
    );
    const size = `${shape.width} × ${shape.height}, ${shape.channels === 1 ? "gray" : "in color"}`;
    const more = list.length > SHOWN ? `, ${SHOWN} of them shown` : "";
    this.#status.textContent = list.length
      ? `${countOf(list.length, "image")}, ${size}${more}.${this.#left}`
      : this.#left.trim() || "Fifty are a good start; a few hundred are better.";
    this.#clear.hidden = !list.length;
    this.#thumbs.hidden = !list.length;
    this.#zone.classList.toggle("empty", !list.length);
    this.#onChange();
  }
}

/** Names files that are left out, and why. @param {[name: string, why: string][]} refused */
function leftOut(refused) {
  const some = refused.slice(0, NAMED).map(([name, why]) => `${name} (${why})`);
  const more = refused.length > NAMED ? `, and ${refused.length - NAMED} more` : "";
  return ` Left out: ${some.join(", ")}${more}.`;
}
