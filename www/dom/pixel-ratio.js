// @ts-check
/**
 * Calls a function whenever a device pixel gets another size, as on another screen, where elements may keep theirs.
 * @param {() => void} act
 */
export function onPixelRatio(act) {
  const now = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
  const changed = () => {
    act();
    onPixelRatio(act);
  };
  now.addEventListener("change", changed, { once: true });
}
