// @ts-check
/**
 * What is live in "How it works": links, the symbols of formulas, a figure for each stop, and the plane. The page
 * fetches this when the visitor scrolls there.
 */
import { GuessStop, NoiseStop } from "./stops-image.js";
import { GuidanceStop, MatchingStop, ScoreStop, SharesStop, WaysStop } from "./stops-plane.js";
import { linkPapers, linkSources } from "./links.js";
import { explainSymbols } from "./symbols.js";
import { addStyleSheet } from "../dom/style-sheet.js";
import { toys } from "./toy-module.js";
import { show as showPlane } from "./toy2d.js";

/** The empty figure of a stop. @param {string} name */
const figure = (name) =>
  /** @type {HTMLElement} */ (document.querySelector(`[data-stop="${name}"]`));

export async function show() {
  linkPapers();
  linkSources();
  await addStyleSheet("story/story.css");
  explainSymbols();
  new NoiseStop(figure("noise"));
  new GuessStop(figure("guess"));
  new GuidanceStop(figure("guidance"));
  const toy = await toys();
  new ScoreStop(figure("score"), toy());
  new MatchingStop(figure("matching"), toy());
  new SharesStop(figure("one-level"), toy(), "plain-langevin");
  new SharesStop(figure("annealed"), toy(), "exact-langevin");
  new WaysStop(figure("ways"), toy());
  await showPlane();
}
