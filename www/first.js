// @ts-check
/**
 * Runs before the page's modules, and also where they do not run: it is a classic script, which
 * browsers take from `file:` and with any media type. It says why the modules have not started, and
 * shows whatever else ends a visit early (`page/fatal-error.js`).
 */
{
  /** @param {string} id @returns {any} */
  const part = (id) => document.getElementById(id);
  /** Whether the page's modules run; they then handle failures themselves. */
  const started = () => !part("stuck");

  window.showMessage = ({ kind, title, text, advice = [], technical = "" }) => {
    part("stuck")?.remove();
    // The message would be behind it.
    for (const dialog of /** @type {any} */ (document.querySelectorAll("dialog[open]")))
      dialog.close();
    part("loading").hidden = true;
    part("status").dataset.state = "error";
    part("status").textContent = title;
    part("message").dataset.kind = kind;
    part("message-title").textContent = title;
    part("message-text").textContent = text;
    part("message-advice").replaceChildren(
      ...advice.map((advice) => {
        const item = document.createElement("li");
        item.textContent = advice;
        return item;
      }),
    );
    part("message-technical").textContent = technical;
    part("message-details").hidden = !technical;
    document.documentElement.classList.add("failed");
    // They are hidden by then, but the keyboard would still reach them.
    /** @type {any} */ (document.querySelector(".console")).inert = true;
    part("draw").disabled = true;
    part("message").hidden = false;
    // Whatever had the focus may just have lost it.
    part("message").focus();
  };

  window.whyNotRun = async (url) => {
    let status = 0;
    try {
      const answer = await fetch(url);
      status = answer.status;
      const type = answer.headers.get("content-type") ?? "";
      // What browsers want is listed in the MIME Sniffing standard: the first of each pair is current.
      if (answer.ok && !/^\s*(text|application)\/(x-)?(javascript|ecmascript)/i.test(type))
        return {
          status,
          words: {
            title: "The server sends scripts as something else",
            text: `${url} came ${type ? `as “${type}”` : "without a media type"}, and browsers only run modules that come as text/javascript.`,
            advice: [
              "On the server: send .js as text/javascript, .css as text/css and .wasm as application/wasm.",
              "On your own machine, “cargo xtask serve” does, and so does “python3 -m http.server” in the page’s folder.",
            ],
          },
        };
    } catch {
      // No answer.
    }
    return { status };
  };

  /** @param {string} url @param {string} technical */
  const explain = async (url, technical) => {
    const { status, words } = await window.whyNotRun(url);
    if (started()) return;
    if (words) return window.showMessage({ kind: "media-type", ...words, technical });
    const came = status >= 200 && status < 300;
    window.showMessage({
      kind: "download",
      title: "A part of the page did not load",
      text: came
        ? `${url}, or something that it needs, does not run here.`
        : status
          ? `${url} answered with HTTP ${status}.`
          : `No answer came from ${url}.`,
      advice: came
        ? [
            "Reload the page.",
            "If that does not help, use a current browser, or leave this page out of what blocks scripts.",
          ]
        : ["Check the connection, then reload the page."],
      technical,
    });
  };

  // Errors of elements do not bubble, so capture them.
  addEventListener(
    "error",
    (event) => {
      if (started()) return;
      const { target, filename, message } = event;
      if (target instanceof HTMLScriptElement) explain(target.src, "");
      else if (filename?.includes("/www/")) explain(filename, message);
    },
    true,
  );

  if (location.protocol === "file:")
    window.showMessage({
      kind: "file",
      title: "This page needs a web server",
      text: "It was opened as a file, and browsers do not let files load modules, WebAssembly and models.",
      advice: [
        "Run “cargo xtask serve” in the checkout, and open the address that it prints.",
        "Or serve the page’s folder with any web server: “python3 -m http.server” there, then open http://localhost:8000.",
      ],
    });
}
