// @ts-check
/**
 * Shortcuts of a single key. Visitors who control a computer by voice can switch them off (WCAG 2.1.4); the dialog
 * that lists them is fetched when it is asked for.
 */
import { $, isTyping } from "../dom/dom.js";
import { recall, remember } from "../dom/storage.js";

/** The name under which it is stored that the visitor wants no shortcuts. */
const OFF = "ncsn shortcuts";

/** @typedef {{ key: string, name: string, act(event: KeyboardEvent): void, repeats?: boolean, own?: boolean }} Shortcut
 *   `repeats` while the key is held; `own` if focused buttons have another use for the key */

/** Whether shortcuts are on. */
const shortcutsOn = () => recall(OFF) !== "off";

/** @param {boolean} on */
function switchShortcuts(on) {
  remember(OFF, on ? "" : "off");
  show();
}

/** Shows the keys on the buttons, if they do anything. */
function show() {
  document.documentElement.classList.toggle("no-keys", !shortcutsOn());
}

/**
 * From now on listens to keys.
 * @param {Shortcut[]} shortcuts @param {() => boolean} usable whether the page can be used
 */
export function listenToKeys(shortcuts, usable) {
  const list = () =>
    import("./shortcuts.js").then(
      ({ listShortcuts }) => listShortcuts(shortcuts, shortcutsOn(), switchShortcuts),
      console.warn,
    );
  show();
  $("help").addEventListener("click", list);
  addEventListener("keydown", (event) => {
    if (!usable() || !shortcutsOn() || event.ctrlKey || event.metaKey || event.altKey) return;
    // The focus may be outside of an open dialog, but the page behind it must not react.
    if (document.querySelector("dialog[open]")) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (isTyping(target)) return;
    if (event.key === "?") list();
    const shortcut = shortcuts.find(({ key }) => key === event.key.toLowerCase());
    // Space presses the focused button, and otherwise scrolls the page.
    if (!shortcut || (shortcut.own && target.closest("button, a, summary, input"))) return;
    event.preventDefault();
    if (!event.repeat || shortcut.repeats) shortcut.act(event);
  });
}
