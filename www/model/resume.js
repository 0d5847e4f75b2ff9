// @ts-check
/** Goes on with a download that has broken off. */

/** @typedef {{ response: Response, loaded: number }} Rest an answer, and how much of the file is not in it */

/** How long to wait before each attempt in a row, in milliseconds. A connection that comes back ends a wait. */
const WAITS_MS = [500, 1500, 4000, 8000, 16_000];

/**
 * Goes on with a file: for `readBytes`.
 * @param {(headers?: Record<string, string>) => Promise<Response>} ask
 * @param {Response} whole the first answer
 * @param {AbortSignal} [signal] ends it
 * @returns {(loaded: number) => Promise<Rest | null>} what comes after so many bytes, or nothing once there were enough attempts
 */
export function goingOn(ask, whole, signal) {
  // How many bytes had come when the download last broke off, and the attempts since then that brought none.
  let [furthest, attempts] = [0, 0];
  return async (loaded) => {
    // As long as attempts get further, others may follow: the connection is only a bad one.
    if (loaded > furthest) [furthest, attempts] = [loaded, 0];
    while (!signal?.aborted && (await pause(attempts++, signal)) && !signal?.aborted) {
      const rest = await askForRest(ask, whole, loaded).catch(() => null);
      if (!rest?.response.ok || !rest.response.body) continue;
      if (!rest.loaded) whole = rest.response;
      return rest;
    }
    return null;
  };
}

/**
 * Waits before an attempt.
 * @param {number} attempt from 0 @param {AbortSignal} [signal]
 * @returns {Promise<boolean>} false if there were enough
 */
async function pause(attempt, signal) {
  const wait = WAITS_MS[attempt];
  if (wait === undefined) return false;
  await new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal?.removeEventListener("abort", end);
      resolve(undefined);
    };
    const timer = setTimeout(end, wait);
    addEventListener("online", end);
    signal?.addEventListener("abort", end);
  });
  return true;
}

/**
 * Asks for what is missing of a file, or for the whole file where a host does not send parts, or has another file by now.
 * @param {(headers?: Record<string, string>) => Promise<Response>} ask
 * @param {Response} first the first answer
 * @param {number} loaded bytes that have come
 * @returns {Promise<Rest>}
 */
async function askForRest(ask, first, loaded) {
  // Compressed bytes are counted in another way.
  if (loaded && !first.headers.has("content-encoding")) {
    const response = await ask({ Range: `bytes=${loaded}-` });
    if (response.status === 206 && isRest(response, first, loaded)) return { response, loaded };
    if (response.status === 200) return { response, loaded: 0 };
    response.body?.cancel().catch(() => {});
  }
  return { response: await ask(), loaded: 0 };
}

/** Whether a partial answer is the rest of the same file, as far as a host of another origin lets pages see. @param {Response} part @param {Response} whole @param {number} loaded */
function isRest(part, whole, loaded) {
  const same = ["etag", "last-modified"].every(
    (name) => part.headers.get(name) === whole.headers.get(name),
  );
  const range = part.headers.get("content-range");
  const [is, was] = [part, whole].map(({ headers }) => headers.get("content-length"));
  return (
    same &&
    (range === null || range.startsWith(`bytes ${loaded}-`)) &&
    (is === null || was === null || Number(is) + loaded === Number(was))
  );
}
