// @ts-check
/** Buttons whose work cannot be undone. */

/**
 * Has a button act at its second click: the first one only asks, and the question is withdrawn with the focus.
 * @param {any} button with its label @param {string} question in place of the label @param {() => void} act
 */
export function onConfirmed(button, question, act) {
  const { textContent, ariaLabel } = button;
  let asked = false;
  const ask = (/** @type {boolean} */ on) => {
    asked = on;
    button.textContent = on ? question : textContent;
    button.ariaLabel = on ? null : ariaLabel;
  };
  button.addEventListener("blur", () => ask(false));
  // A key that is held is no answer.
  button.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.repeat) event.preventDefault();
  });
  button.addEventListener("click", (/** @type {MouseEvent} */ { detail }) => {
    // The second click of a double click is no answer.
    if (detail > 1) return;
    const confirmed = asked;
    ask(!asked);
    if (confirmed) act();
    // In Safari, a button that is clicked does not get the focus, with which the question would be withdrawn.
    else button.focus();
  });
}
