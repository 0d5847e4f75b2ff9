import type { NcsnError } from "./index.js";
import type { Frame, Model, SamplerName } from "./types.js";

/** The element `<ncsn-sampler>`; importing this module defines it. */
export class NcsnSamplerElement extends HTMLElement {
  model: string;
  count: number;
  /** 0 for what suits the model. */
  steps: number;
  get seed(): string;
  set seed(seed: string | number | bigint);
  /** The address of another hub; empty for the usual one. */
  hub: string;
  /** The address of `ncsn_bg.wasm`; empty for the usual one. */
  wasm: string;
  /** Numbers, names or parts of names with commas; empty to draw them at random. */
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
  addEventListener<Name extends keyof AllEvents>(
    name: Name,
    listener: (this: NcsnSamplerElement, event: AllEvents[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Name extends keyof AllEvents>(
    name: Name,
    listener: (this: NcsnSamplerElement, event: AllEvents[Name]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** Its events, which do not bubble. */
export interface NcsnSamplerEventMap {
  load: CustomEvent<Model>;
  frame: CustomEvent<Frame>;
  finish: CustomEvent<Frame>;
  error: CustomEvent<NcsnError>;
}

/** These, and those of any element. */
type AllEvents = Omit<HTMLElementEventMap, keyof NcsnSamplerEventMap> & NcsnSamplerEventMap;

/** What a framework may set in its markup: properties, and listeners such as `onfinish`. */
export type NcsnSamplerProperties = Partial<
  Pick<
    NcsnSamplerElement,
    | "model"
    | "hub"
    | "wasm"
    | "count"
    | "steps"
    | "classes"
    | "sampler"
    | "guidance"
    | "autoplay"
    | "controls"
  > & { seed: string | number | bigint } & {
    [Name in keyof NcsnSamplerEventMap as `on${Name}`]: (event: NcsnSamplerEventMap[Name]) => void;
  }
>;

declare global {
  interface HTMLElementTagNameMap {
    "ncsn-sampler": NcsnSamplerElement;
  }
}
