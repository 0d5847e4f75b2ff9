import type { NcsnError } from "./index.js";
import type { Frame, Model, SamplerName } from "./types.js";

/** The element `<ncsn-sampler>`; importing this module defines it. */
export class NcsnSamplerElement extends HTMLElement {
  model: string;
  count: number;
  /** 0 for what suits the model. */
  steps: number;
  seed: string;
  /** The address of another hub; empty for the usual one. */
  hub: string;
  /** Numbers or names with commas; empty to draw them at random. */
  classes: string;
  /** Empty for the model's own. */
  sampler: SamplerName | "";
  guidance: number;
  autoplay: boolean;
  controls: boolean;
  readonly state: "idle" | "loading" | "running" | "paused" | "finished" | "failed";
  /** The latest images. */
  readonly frame: Frame | null;
  /** Starts, or goes on after a pause. */
  play(): void;
  pause(): void;
  /** Begins anew: with other images, unless it is told to repeat the seed. */
  restart(options?: { sameSeed?: boolean }): void;
  /** The latest images as a file; null before there are any. */
  toBlob(type?: string): Promise<Blob | null>;
  addEventListener<Name extends keyof NcsnSamplerEventMap>(
    name: Name,
    listener: (event: NcsnSamplerEventMap[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** Its events, which do not bubble. */
export interface NcsnSamplerEventMap {
  load: CustomEvent<Model>;
  frame: CustomEvent<Frame>;
  finish: CustomEvent<Frame>;
  error: CustomEvent<NcsnError>;
}

declare global {
  interface HTMLElementTagNameMap {
    "ncsn-sampler": NcsnSamplerElement;
  }
}
