/** What `first.js` gives to the page's modules. */
interface Window {
  /** Shows a message in place of the images; nothing continues after it. */
  showMessage(message: {
    kind: string;
    title: string;
    text: string;
    advice?: string[];
    technical?: string;
  }): void;
  /** Fetches a script that did not run: the HTTP status, 0 without an answer, and words if the media type is why. */
  whyNotRun(
    url: string,
  ): Promise<{ status: number; words?: { title: string; text: string; advice: string[] } }>;
}
