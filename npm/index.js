// @ts-check
/** Samples of score-based generative models, on the GPU of the visitor. */
export { NcsnError } from "./errors.js";
export { loadModel } from "./load.js";
