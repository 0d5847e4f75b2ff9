// @ts-check
/** The line "Your model": the run that an earlier visit has left in this browser, and what one can do with it. */
import { onConfirmed } from "../dom/confirm.js";
import { focusTitle } from "../dom/dialog.js";
import { element } from "../dom/dom.js";
import { saveAs } from "../save/png.js";
import { forget, keptRun, readModel } from "./kept.js";
import { fileOf } from "./model-file.js";

/** @typedef {{ text: string, act: () => Promise<void>, question?: string }} Action with a question if it cannot be undone */
/**
 * What the panel does.
 * @typedef {object} Panel
 * @property {() => Promise<void>} resume
 * @property {(model: File) => Promise<void>} use
 * @property {() => void} deleted called when there is no such run any more
 * @property {(error: unknown) => void} fail says what went wrong
 */

export class KeptRun {
  root = element("div", "", { className: "train-kept", id: "train-kept", hidden: true });
  /** One and the same element for all that is said: screen readers only read out what changes in a region that they know. */
  #words = element("p");
  #keys = element("div", "", { className: "train-keys" });
  #panel;

  /** @param {Panel} panel */
  constructor(panel) {
    this.#panel = panel;
    this.#words.setAttribute("role", "status");
    this.root.append(this.#words, this.#keys);
  }

  /** Shows it, if there is one. */
  async show() {
    const kept = await keptRun();
    this.root.hidden = !kept;
    if (!kept) return;
    const { plan, step } = kept;
    this.#say(plan.name, `, step ${step} of ${plan.steps}, is kept in this browser.`, {
      text: step < plan.steps ? "Continue training" : "Train on",
      act: this.#panel.resume,
    });
  }

  /**
   * Says that the run cannot go on.
   * @param {string} name of the model
   * @param {() => Promise<void>} onBegin trains on the same images from the beginning
   */
  damaged(name, onBegin) {
    this.root.hidden = false;
    this.#say(
      name,
      ": its last checkpoint is damaged, so the training cannot go on from there. Its images are intact; the model may be, too: try “Download”.",
      { text: "Train again from the start", act: onBegin },
    );
  }

  /** @param {string} name of the model @param {string} rest of the sentence @param {Action} action before those that are always there */
  #say(name, rest, action) {
    this.#words.replaceChildren("Your model ", element("strong", name), rest);
    const buttons = [action, ...this.#always(name)].map(({ text, act, question }) => {
      const button = element("button", text, { type: "button" });
      const go = () => void act().catch(this.#panel.fail);
      if (question) onConfirmed(button, question, go);
      else button.addEventListener("click", go);
      return button;
    });
    const focused = this.#keys.contains(document.activeElement);
    this.#keys.replaceChildren(...buttons);
    // The button that had the focus, perhaps as it was clicked, is gone.
    if (focused) buttons[0].focus();
  }

  /** @param {string} name of the model @returns {Action[]} */
  #always(name) {
    const file = async () => fileOf(name, await readModel());
    return [
      { text: "Use on this page", act: async () => this.#panel.use(await file()) },
      {
        text: "Download",
        act: async () => {
          const model = await file();
          saveAs(model, model.name);
        },
      },
      {
        text: "Delete",
        question: "Delete for good?",
        act: async () => {
          await forget();
          this.#panel.deleted();
          this.root.hidden = true;
          // The button had the focus, and “Train” cannot have it as long as there are no images.
          const dialog = this.root.closest("dialog");
          if (dialog) focusTitle(dialog);
        },
      },
    ];
  }
}
