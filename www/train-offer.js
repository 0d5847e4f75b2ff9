// @ts-check
/** The line "Your model": the run that an earlier visit has left in this browser, and what one can do with it. */
import { element } from "./dialog.js";
import { openModel } from "./own-models.js";
import { saveAs } from "./save.js";
import { forget, keptRun, readModel } from "./train-kept.js";

export class KeptRun {
  root = element("div", "", { className: "train-kept", id: "train-kept", hidden: true });
  #onResume;
  #onError;

  /** @param {() => Promise<void>} onResume @param {(error: unknown) => void} onError */
  constructor(onResume, onError) {
    this.#onResume = onResume;
    this.#onError = onError;
  }

  /** Shows it, if there is one. */
  async show() {
    const kept = await keptRun();
    this.root.hidden = !kept;
    if (!kept) return;
    const { plan, step } = kept;
    const words = element("p");
    words.append(
      "Your model ",
      element("strong", plan.name),
      `, step ${step} of ${plan.steps}, is kept in this browser.`,
    );
    const actions = element("div", "", { className: "train-keys" });
    const button = (/** @type {string} */ text, /** @type {() => Promise<void>} */ act) => {
      const made = element("button", text, { type: "button" });
      made.addEventListener("click", () => act().catch(this.#onError));
      actions.append(made);
    };
    button(step < plan.steps ? "Continue training" : "Train on", this.#onResume);
    button("Use on this page", async () => openModel(fileOf(plan.name, await readModel())));
    button("Download", async () => {
      const file = fileOf(plan.name, await readModel());
      saveAs(file, file.name);
    });
    button("Delete", async () => {
      await forget();
      this.root.hidden = true;
    });
    this.root.replaceChildren(words, actions);
  }
}

/** A model as a file. @param {string} name @param {Uint8Array} bytes */
export const fileOf = (name, bytes) =>
  new File(
    [/** @type {Uint8Array<ArrayBuffer>} */ (bytes)],
    `${name.replace(/[\\/:*?"<>|]/g, "-")}.safetensors`,
  );
