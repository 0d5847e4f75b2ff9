// @ts-check
/** Copying a link to what is shown: without anything to fetch first, since browsers allow it only right after a click. */
import { $ } from "../dom/dom.js";
import { controls, fatalErrors, linked, run } from "../page/page.js";
import { setStatus, showRun } from "../view/view.js";

/** How many milliseconds a visitor sees that the link is copied. */
const COPIED_MS = 1800;
let copied = 0;

/** Puts a link to what is shown on the clipboard, or where there is none, into the address bar. */
export async function copyLink() {
  const url = controls.link(linked());
  let [text, words] = ["Copied", "The link is copied."];
  try {
    await navigator.clipboard.writeText(url);
  } catch {
    history.replaceState(null, "", url);
    [text, words] = ["See address bar", "The link is in the address bar."];
  }
  $("copy").textContent = text;
  // The text of a button is not read out when it changes.
  setStatus($("status").dataset.state, words);
  clearTimeout(copied);
  copied = setTimeout(() => {
    $("copy").textContent = "Copy link";
    if ($("status").textContent === words && !fatalErrors.failure) showRun(run);
  }, COPIED_MS);
}
