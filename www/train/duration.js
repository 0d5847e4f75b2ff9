// @ts-check
/** How long a training run takes, in words. */

/** From how many seconds on a visitor is asked before waiting. */
const LONG = 120;

/** Whether somebody should be asked before waiting that long. @param {number | undefined} seconds */
export const isLong = (seconds) => seconds !== undefined && seconds > LONG;

/** Seconds, minutes or hours. @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return `${Math.max(0.1, seconds).toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${(seconds / 3600).toFixed(seconds < 36000 ? 1 : 0)} h`;
}
