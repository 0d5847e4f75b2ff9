// @ts-check
/** Pauses a run while a dialog is open. */

/** @param {import("./run.js").Run} run @param {HTMLDialogElement} dialog after which it goes on, if it was running */
export function restDuring(run, dialog) {
  if (run.state !== "running") return;
  run.pause();
  dialog.addEventListener("close", () => run.state === "paused" && run.start());
}
