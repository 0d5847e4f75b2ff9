// @ts-check
/** Makes a WebM video of a film in a thread of its own; `save/film-file.js` is the other end. */
import { framed } from "../view/framed.js";
import { webm } from "./webm.js";

/** How often there is a frame that needs no other, in milliseconds: players can jump to these. */
const KEY_MS = 1000;
/** How many frames may wait for the encoder. */
const MOST_WAITING = 4;

addEventListener("message", async ({ data }) => {
  try {
    const bytes = await encoded(data);
    postMessage({ bytes }, { transfer: [bytes.buffer] });
  } catch (error) {
    postMessage({ error: String(/** @type {Error} */ (error)?.message ?? error) });
  }
});

/**
 * @param {{ images: ImageBitmap[], margin: number, ground: string, scale: number, milliseconds: number[], config: VideoEncoderConfig, codec: "V_VP8" | "V_VP9" }} film
 *   with how long each image is shown
 */
async function encoded({ images, margin, ground, scale, milliseconds, config, codec }) {
  /** @type {import("./webm.js").Block[]} */
  const blocks = [];
  /** @type {Error | undefined} */
  let failure;
  /** Ends a wait for the encoder, which is silent after an error. */
  let wake = () => {};
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      const at = Math.round(chunk.timestamp / 1000);
      blocks.push({ milliseconds: at, key: chunk.type === "key", bytes });
      postMessage({ done: blocks.length / (images.length + 1) });
    },
    error: (error) => {
      failure = error;
      wake();
    },
  });
  encoder.configure(config);
  let [time, nextKey] = [0, 0];
  const add = (/** @type {ImageBitmap} */ image, /** @type {number} */ duration) => {
    const canvas = framed(image, margin, ground, scale);
    const frame = new VideoFrame(canvas, { timestamp: 1000 * time, duration: 1000 * duration });
    const keyFrame = time >= nextKey;
    if (keyFrame) nextKey = time + KEY_MS;
    encoder.encode(frame, { keyFrame });
    frame.close();
    time += duration;
  };
  for (const [at, image] of images.entries()) {
    while (!failure && encoder.encodeQueueSize > MOST_WAITING)
      await new Promise((done) => {
        wake = () => done(undefined);
        encoder.addEventListener("dequeue", wake, { once: true });
      });
    if (failure) throw failure;
    add(image, milliseconds[at]);
  }
  // Players end with the beginning of the last frame, so the last image is there once more.
  add(images[images.length - 1], 0);
  await encoder.flush();
  encoder.close();
  if (failure) throw failure;
  const { width, height } = config;
  return webm({ codec, width, height, milliseconds: time }, blocks);
}
