// @ts-check
/** A run as a moving image: an animated GIF, and a video where the browser can make one. */
import { startWorker } from "../dom/own-script.js";
import { BACKGROUND } from "./png.js";

/** How long the steps take together, and the last one, in milliseconds. */
const STEPS_MS = 4000;
const LAST_MS = 2000;
/** The most steps of a film: browsers show no more than 50 images of a GIF a second, which are 20 ms each. */
const MOST_STEPS = 100;
const SHORTEST_MS = 20;
/** The longest side of the file's images, in pixels. That of videos is larger, since players blur what they scale up. */
const GIF_SIDE = 560;
const VIDEO_SIDE = 1080;
/** About how many bytes a row of an enlarged image of a GIF needs for each pixel of the image: most are noise. */
const GIF_BYTES = 0.62;
/** About how many bits a video spends on a pixel of an image, which is a square of many in the video. */
const VIDEO_BITS = 6;
/** The codecs of WebM, the better one first. */
const CODECS = /** @type {const} */ ([
  ["vp09.00.41.08", "V_VP9"],
  ["vp8", "V_VP8"],
]);

/** @typedef {import("../view/film.js").Frame} Frame */
/**
 * @typedef {object} FilmFile
 * @property {string} ending of its name
 * @property {number} bytes about how many it has
 * @property {(onProgress: (done: number) => void, signal: AbortSignal) => Promise<Blob>} make `onProgress` is called with
 *   the part that is done; rejects when the signal aborts
 */

/** What is kept of a film: not more than so many frames, evenly, and all arranged like the last. @param {readonly Frame[]} frames */
function chosen(frames) {
  const { columns, gap } = frames[frames.length - 1];
  // Frames from before the window has changed its size may be arranged in another way.
  const alike = frames.filter((frame) => frame.columns === columns && frame.gap === gap);
  const every = Math.ceil(alike.length / MOST_STEPS);
  return alike.filter((_, at) => at % every === 0 || at === alike.length - 1);
}

/** How often images are enlarged. @param {{ width: number, height: number }} image @param {number} gap @param {number} side */
const scaleOf = ({ width, height }, gap, side) =>
  Math.max(1, Math.floor(side / (Math.max(width, height) + 2 * gap)));

/**
 * The ways to save a run, if it has more than one frame.
 * @param {readonly Frame[]} run
 * @returns {Promise<{ count: number, gif: FilmFile, video: FilmFile | null } | null>} `count` images each
 */
export async function filmFiles(run) {
  if (run.length < 2) return null;
  const frames = chosen(run);
  const { image, gap: margin } = frames[frames.length - 1];
  const images = frames.map(({ image }) => image);
  const pixels = image.width * image.height * frames.length;
  const each = Math.max(SHORTEST_MS, Math.round(STEPS_MS / frames.length));
  const milliseconds = images.map((_, at) => (at === images.length - 1 ? LAST_MS : each));
  const film = { images, margin, ground: BACKGROUND, milliseconds };
  const scale = scaleOf(image, margin, GIF_SIDE);
  const codec = await videoCodec(image, margin, (pixels * VIDEO_BITS * 1000) / STEPS_MS);
  return {
    count: frames.length,
    gif: {
      ending: "gif",
      bytes: pixels * scale * GIF_BYTES,
      make: (...rest) => made("save/gif-worker.js", "image/gif", { ...film, scale }, ...rest),
    },
    video: codec && {
      ending: "webm",
      bytes: (pixels * VIDEO_BITS) / 8,
      make: (...rest) => made("save/video-worker.js", "video/webm", { ...film, ...codec }, ...rest),
    },
  };
}

/** How long a GIF shows each image on the way from one seed to another, and how large it is, in pixels. */
const MORPH_MS = 80;
const MORPH_SIDE = 320;

/**
 * The way from one seed to another and back, without an end.
 * @param {ImageData[]} path
 * @returns {FilmFile}
 */
export function morphFile(path) {
  const [{ width, height }] = path;
  const there = path.map((_, at) => at);
  const places = [...there, ...there.slice(1, -1).reverse()];
  const scale = scaleOf(path[0], 0, MORPH_SIDE);
  const milliseconds = places.map(() => MORPH_MS);
  return {
    ending: "gif",
    bytes: width * height * places.length * scale * GIF_BYTES,
    async make(...rest) {
      const bitmaps = await Promise.all(path.map((image) => createImageBitmap(image)));
      const images = places.map((at) => bitmaps[at]);
      const film = { images, margin: 0, ground: BACKGROUND, milliseconds, scale };
      try {
        return await made("save/gif-worker.js", "image/gif", film, ...rest);
      } finally {
        for (const bitmap of bitmaps) bitmap.close();
      }
    },
  };
}

/**
 * How this browser can encode a video, or null if it cannot.
 * @param {ImageBitmap} image @param {number} gap @param {number} bitrate in bits a second
 */
async function videoCodec(image, gap, bitrate) {
  if (!("VideoEncoder" in window)) return null;
  // Colors have half the resolution, and so the sides are even.
  const scale = Math.max(2, scaleOf(image, gap, VIDEO_SIDE) & ~1);
  const [width, height] = [image.width, image.height].map((side) => (side + 2 * gap) * scale);
  for (const [codec, name] of CODECS) {
    const config = { codec, width, height, bitrate };
    const { supported } = await VideoEncoder.isConfigSupported(config).catch(() => ({
      supported: false,
    }));
    if (supported) return { config, codec: name, scale };
  }
  return null;
}

/**
 * Has a worker make a file.
 * @param {string} script @param {string} type of the file @param {object} film @param {(done: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
function made(script, type, film, onProgress, signal) {
  signal.throwIfAborted();
  const worker = startWorker(script);
  /** @type {Promise<Blob>} */
  const file = new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    worker.addEventListener("message", ({ data: { done, bytes, error } }) => {
      if (error) reject(new Error(`The file could not be made: ${error}`));
      else if (bytes) resolve(new Blob([bytes], { type }));
      else onProgress(done);
    });
    worker.addEventListener("error", ({ message }) =>
      reject(new Error(message || "The worker that makes the file could not be started.")),
    );
    // Inside of the promise, so that the worker is also ended if an image cannot be sent.
    worker.postMessage(film);
  });
  return file.finally(() => worker.terminate());
}
