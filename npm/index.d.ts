import type { ErrorCode, LoadOptions, Model, ModelSource } from "./types.js";

export type * from "./types.js";

/**
 * Loads a model and puts it on the GPU.
 * @param source an address, `hf:user/name[/path][@revision]`, or the bytes or the `Blob` of a model file
 * @throws {NcsnError} whose `code` says what is wrong, and whose message says what to do
 */
export function loadModel(source: ModelSource, options?: LoadOptions): Promise<Model>;

/** What this package throws, but for an `AbortSignal`'s reason. */
export class NcsnError extends Error {
  readonly name: "NcsnError";
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, cause?: unknown);
}
