// @ts-check
/**
 * A drawing as text for a link: its pixels, deflated, in base64url. Older links carry a PNG.
 *
 * Some browsers add noise to what they read back from a canvas, against fingerprinting, so the pixels never go
 * through one.
 */
import { inflate } from "../dom/inflate.js";

/** How a PNG begins in base64, and how it ends. */
const PNG = "iVBOR";
const PNG_END = "IEND\xaeB`\x82";
/** The largest drawing that a link may hold, which was perhaps drawn for a model with larger images, in bytes of RGBA. */
const MAX_BYTES = 4 * 1024 * 1024;

/** @param {Blob} bytes */
const bytesOf = async (bytes) => new Uint8Array(await bytes.arrayBuffer());

/** Converts base64 to a form allowed in addresses. @param {string} text */
const ofUrl = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/**
 * @param {Uint8ClampedArray<ArrayBuffer>} pixels RGBA
 * @param {HTMLCanvasElement} canvas that shows them
 */
export async function toText(pixels, canvas) {
  try {
    const stream = new Blob([pixels]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    const bytes = await bytesOf(await new Response(stream).blob());
    return ofUrl(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
  } catch {
    // Browsers from before 2023 cannot deflate.
    return ofUrl(canvas.toDataURL("image/png").split(",")[1]);
  }
}

/**
 * @param {string} text @returns {Promise<Uint8Array | Blob>} pixels, RGBA, or an image file
 * @throws {Error} if it is something else
 */
export async function ofText(text) {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  if (!text.startsWith(PNG)) return bytesOf(await inflate(new Blob([bytes]), MAX_BYTES));
  // Some browsers show an incomplete image.
  if (!letters.endsWith(PNG_END)) throw new RangeError("It is cut short.");
  return new Blob([bytes], { type: "image/png" });
}
