// @ts-check
/** Formats numbers for the page. */

/** @param {number} sigma @returns {string} three significant digits, without an exponent for usual σ */
export function formatSigma(sigma) {
  if (!Number.isFinite(sigma)) return "–";
  if (sigma !== 0 && (sigma < 1e-4 || sigma >= 1e5)) return sigma.toExponential(2);
  if (sigma === 0) return "0";
  // Round first: 0.0099999998, which is 0.01 in single precision, should have as many digits as
  // 0.01.
  const rounded = Number(sigma.toPrecision(3));
  return rounded.toFixed(Math.max(0, 2 - Math.floor(Math.log10(rounded) + 1e-9)));
}

/** @param {number} value @returns {string} the shortest text that reads back as about the same number */
export function formatSetting(value) {
  const rounded = Number(value.toPrecision(6));
  return rounded !== 0 && Math.abs(rounded) < 1e-3
    ? rounded.toExponential().replace("e+", "e")
    : String(rounded);
}

/** @param {number} count @param {string} thing whose plural ends in s */
export const countOf = (count, thing) =>
  `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;

/** How far something has come. @param {number} done @param {number} all */
export const partOf = (done, all) => `${done.toLocaleString("en")} of ${all.toLocaleString("en")}`;

/** @param {number} milliseconds of work */
export const formatWork = (milliseconds) =>
  milliseconds < 950
    ? `${Math.round(milliseconds)} ms`
    : milliseconds < 9e4
      ? `${(milliseconds / 1000).toFixed(1)} s`
      : formatDuration(milliseconds / 1000);

/** @param {number} seconds of waiting */
export function formatDuration(seconds) {
  if (seconds < 1) return `${Math.max(0.1, seconds).toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${(seconds / 3600).toFixed(seconds < 36_000 ? 1 : 0)} h`;
}

/** @param {number} bytes */
export const fileSize = (bytes) =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`;
