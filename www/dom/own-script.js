// @ts-check
/** Scripts of the page that run outside of it, in workers. */

/** The folder of the page's scripts. */
const FOLDER = new URL("../", import.meta.url).href;
/** A service worker is for the folder that it is in, so this one is beside the page. */
const SERVICE_WORKER = new URL("service-worker.js", document.baseURI).href;

/** @param {string} name @returns {string} the address of a script of the page */
function addressOf(name) {
  const { href } = new URL(name, FOLDER);
  if (!href.startsWith(FOLDER) && href !== SERVICE_WORKER)
    throw new TypeError(`${href} is no script of this page`);
  return href;
}

/**
 * The page's policy wants the address of a worker's script to have been checked, where the browser knows Trusted
 * Types. This is the only place that makes such addresses.
 * @type {{ createScriptURL(name: string): any }}
 */
const checked = trustedTypes() ?? { createScriptURL: addressOf };

function trustedTypes() {
  try {
    return /** @type {any} */ (window).trustedTypes?.createPolicy("ncsn", {
      createScriptURL: addressOf,
    });
  } catch {
    // A page that has these scripts inside it may allow other names alone. Then it decides about workers, too.
    return null;
  }
}

/** Starts a worker. @param {string} name of its script in the folder of the page's scripts */
export const startWorker = (name) =>
  new Worker(checked.createScriptURL(name), { type: "module", name });

/** Registers the page's service worker. */
export const registerServiceWorker = () =>
  navigator.serviceWorker.register(checked.createScriptURL(SERVICE_WORKER));
