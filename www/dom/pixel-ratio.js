// @ts-check
/**
 * Calls a function whenever a device pixel gets another size, as on another screen, where elements may keep theirs.
 * @param {() => void} act @param {AbortSignal} [signal] ends it
 */
export function onPixelRatio(act, signal) {
  const now = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
  const changed = () => {
    act();
    onPixelRatio(act, signal);
  };
  now.addEventListener("change", changed, { once: true, signal });
}
