/// <reference lib="esnext.disposable" />
/** What the package offers, in types. `index.d.ts` has its functions and classes. */
import type {
  Card,
  Churn,
  Class,
  ImageShape,
  Precision,
  SamplerName,
  SamplerSettings,
  View,
} from "../www/types.js";

export type { Card, Churn, Class, ImageShape, Precision, SamplerName, SamplerSettings, View };

/** What went wrong, for programs; the message is for people. */
export type ErrorCode =
  /** The browser runs no WebAssembly, or a Content-Security-Policy forbids it. */
  | "no-webassembly"
  | "policy"
  /** The browser has no WebGPU, offers no GPU, or does not answer. */
  | "no-webgpu"
  | "no-adapter"
  | "no-answer"
  /** The GPU's limits are too low, it ran out of memory, was lost, or failed otherwise. */
  | "limit"
  | "out-of-memory"
  | "device-lost"
  | "gpu"
  /** A file did not arrive; the message names its address. */
  | "network"
  /** An address or a name of a model that is none. */
  | "bad-address"
  /** What arrived is no model, or is too large. */
  | "bad-model"
  | "model-too-large"
  /** An option has an impossible value. */
  | "bad-option"
  /** Finished images that cannot be right. */
  | "wrong"
  /** The model has been disposed of. */
  | "disposed"
  /** The WebAssembly module stopped; only a new page, or worker, can start it again. */
  | "crashed";

/** Where a model comes from: an address, a name on a hub, or its file. */
export type ModelSource = string | URL | Blob | ArrayBuffer | ArrayBufferView;

export interface LoadOptions {
  /** Cancels loading. */
  signal?: AbortSignal;
  /** Called with the number of bytes that have arrived; `total` is 0 if the server does not tell it. */
  onProgress?: (loaded: number, total: number) => void;
  /** The hub that `hf:` names refer to; `https://huggingface.co` unless given. */
  hub?: string;
  /** `"f32"` makes a seed give the same image on every GPU, up to rounding; the fastest unless given. */
  precision?: "f32";
  /**
   * The address of `ncsn_bg.wasm`, where a bundler has not moved that file and it does not lie beside the bundle. What counts
   * is the first model that is loaded: all share one WebAssembly module.
   */
  wasm?: string | URL;
}

/** A model on this machine's GPU. */
export interface Model {
  /** Where it comes from, how it was trained, what its images are like. */
  readonly card: Card;
  readonly name: string;
  /** The size of its images. */
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** The names of its classes; empty if it has none. */
  readonly classes: readonly string[];
  /** The GPU's name, as far as the browser tells. */
  readonly device: string;
  readonly precision: Precision;
  /** Prepares samples; nothing is computed before a frame is asked for. */
  sample(options?: SampleOptions): Sampler;
  /** Gives its memory back. The GPU device goes with the last model on it. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** A class by its number, its name, or a part of a name that no other class has. */
export type ClassName = number | string;

export interface SampleOptions {
  /** The same seed gives the same images; random unless given. From 0 to 2⁶⁴ − 1. */
  seed?: number | bigint;
  /** How many images, from 1 to 1024; 16 unless given. */
  count?: number;
  /** The class that images show, or several in turns; drawn at random unless given. */
  class?: ClassName | readonly ClassName[];
  /** Classifier-free guidance w; 1, the default, is the model alone. */
  guidance?: number;
  /** How many network evaluations an image may take; what suits the sampler unless given. */
  steps?: number;
  /** The model's own unless given. */
  sampler?: SamplerName;
  /** More of the sampler's settings, such as `sigma_max`; what is left out of `churn` adds no limit. */
  settings?: Partial<Omit<SamplerSettings, "churn"> & { churn: Partial<Churn> }>;
  /** An image of the model's size to start from, under noise. */
  image?: ImageData;
  /** How much noise covers it, from 0 to 1; what suits the model unless given. */
  strength?: number;
  /** Noisy images, x̃, or denoised images, D(x̃, σ), at each step. */
  view?: View;
  /** A frame comes after every so many steps; 1 unless given. */
  every?: number;
  /** Cancels sampling: what is awaited rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Samples under way. The first frame is pure noise, the last one the finished images. Leaving a `for await` loop early
 * cancels the rest.
 */
export interface Sampler extends AsyncIterableIterator<Frame, void, void> {
  next(): Promise<IteratorResult<Frame, void>>;
  /** Cancels it, and gives its memory back. */
  return(): Promise<IteratorResult<Frame, void>>;
  [Symbol.asyncIterator](): Sampler;
  [Symbol.asyncDispose](): Promise<void>;
  /** Takes all remaining steps at full speed, without frames in between, and returns the finished images. */
  finish(): Promise<Frame>;
  readonly seed: bigint;
  readonly count: number;
  /** The number of steps, and σ of each. */
  readonly steps: number;
  readonly sigmas: Float32Array;
  readonly settings: SamplerSettings;
}

/** How images are arranged on a canvas. */
export interface Layout {
  /** Images in a row; nearly a square unless given. */
  columns?: number;
  /** Transparent pixels between images; 1 unless given. */
  gap?: number;
  /** The side of the square that a pixel becomes; 1 unless given, for CSS to scale. */
  scale?: number;
}

/** The images of one step. It stays as it is when sampling goes on. */
export interface Frame {
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** The same from 0 to 1. */
  readonly progress: number;
  /** The noise level of the next step, or of the last one when all are done. */
  readonly sigma: number;
  readonly done: boolean;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** RGBA, one image after the other: count × height × width × 4 bytes. */
  pixels(): Uint8ClampedArray<ArrayBuffer>;
  /** One of the images, by its number from 0. */
  image(index: number): ImageData;
  /** Sizes a canvas to all images, and draws them. */
  draw(canvas: HTMLCanvasElement | OffscreenCanvas, layout?: Layout): void;
  /** All images in one file: PNG unless `type` says otherwise. */
  toBlob(options?: Layout & { type?: string; quality?: number }): Promise<Blob>;
}
