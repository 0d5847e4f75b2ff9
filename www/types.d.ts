/**
 * The plain data that crosses between the page and the wasm module. The wasm module's own `.d.ts` includes these
 * types; in Rust they are serde structs.
 */

/** Which images to show: noisy, x̃, or denoised, D(x̃, σ). */
export type View = "noisy" | "denoised";

/** What runs a network: hand-written WGSL kernels, Burn on WebGPU, or Burn on the CPU. */
export type EngineName = "fused" | "reference" | "cpu";

/** The precision of weights and activations; sums are always f32. */
export type Precision = "f16" | "f32";

/** What a page decides about a training run. */
export interface TrainingPlan {
  imageShape: { channels: number; height: number; width: number };
  /** A name for the model. */
  name: string;
  /** Steps of the whole run. */
  steps: number;
  /** Images per step. */
  batch: number;
  /** Adam's learning rate after warm-up. */
  learningRate: number;
  seed: number;
  /** Whether images are mirrored at random. */
  flip: boolean;
  /** The number of channels at each resolution of a new network, finest first; empty for the default. */
  widths: number[];
  /** How many of the images are a visitor's own; the others, which follow, are variants of these. All unless given. */
  originals?: number;
  /** The largest and the smallest σ that the model was trained at, from its card; those of its sampler unless given. */
  sigmas?: [number, number];
}

/** Compiles kernels, given by their WGSL, on the GPU that was requested last, and resolves when that is done. */
export type CompileTexts = (texts: string[]) => Promise<void>;

/** The training image that is nearest to each of some images. */
export interface NearestImages {
  /** Its number. */
  numbers: number[];
  /** The distance to it, over the median distance between an original and its nearest other. Far below 1 it is a copy. */
  ratios: number[];
}

/** The steps since the last report. */
export interface TrainingReport {
  /** Steps done. */
  step: number;
  /** The mean weighted loss over D/2; about 1 for a network that always answers 0. */
  loss: number;
}

/**
 * Why a training run stopped: the loss or a weight is not finite, and the run is back where it last reported; or the
 * GPU has no room for it.
 */
export type TrainerErrorCode = "diverged" | "out-of-memory";

/** What the trainer throws. Where there is no code, only the message says what is wrong. */
export type TrainerError = Error & { code?: TrainerErrorCode };

/** Why images cannot be right: a value is not finite, all of an image is the same, or it is the noise that it began as. */
export type Fault = "infinite" | "even" | "unchanged";

export type SamplerName =
  | "langevin"
  | "exact-langevin"
  | "plain-langevin"
  | "consistent"
  | "ancestral"
  | "reverse-diffusion"
  | "predictor-corrector"
  | "ode"
  | "heun"
  | "dpm-solver++"
  | "sde-dpm-solver++"
  | "unipc"
  | "consistency";

/** Everything that decides what a sampler does. */
export interface SamplerSettings {
  sampler: SamplerName;
  /** σ₁ and σ_L, for pixels in [0, 1]. */
  sigma_max: number;
  sigma_min: number;
  /** L, the number of noise levels. */
  levels: number;
  /** T, the steps at each level of Langevin, or the corrections of predictor–corrector. */
  steps_each: number;
  /** ε, of which exact Langevin's a and consistent sampling's η are ε/σ_L²; these and Langevin only. */
  step_lr: number;
  /** Whether a last step removes the remaining noise; Langevin only. */
  denoise: boolean;
  /** r, the signal-to-noise ratio of corrections; predictor–corrector only. */
  snr?: number;
  /** ρ of the grid of levels, of the samplers that have one. */
  rho?: number;
  /** Heun only; none unless given. */
  churn?: Churn;
}

/** EDM's S_churn, S_tmin, S_tmax and S_noise. */
export interface Churn {
  amount: number;
  min: number;
  max: number;
  noise: number;
}

/** The settings that not all samplers have. */
export interface SamplerParameters {
  /** Which samplers have them. */
  applies_to: Record<"steps_each" | "step_lr" | "denoise" | "snr" | "rho" | "churn", SamplerName[]>;
  /** What they are unless given; churn with an amount of 0. */
  defaults: { snr: number; rho: number; churn: Churn };
}

/** The size of an image. */
export interface ImageShape {
  channels: number;
  height: number;
  width: number;
}

/** A class that a model's images can be asked for by, and the number of its training images. */
export interface Class {
  name: string;
  images: number;
}

/** What is kept of a drawing: its pixels, the means of its colors, or the means of squares of pixels. */
export type Keep = "pixels" | "gray" | "blocks";

/** What a visitor asks of chains, besides a sampler's settings. */
export interface ChainOptions extends ClassChoice {
  /** What is kept of a drawing that no noise covers; pixels unless given. */
  keep?: Keep;
  /** Makes chains the points of a path from the seed to this one, with `frames` points in all. */
  to?: bigint;
  frames?: number;
}

/** What a visitor asks of a class-conditional model; other models ignore it. */
export interface ClassChoice {
  /** The classes that chains show in turns, by number; drawn by how often they occur unless given. */
  classes?: number[];
  /** Classifier-free guidance: 1, as by default, is the model alone. */
  guidance?: number;
  /** The smallest and the largest σ to guide at; all unless given. */
  interval?: [number, number];
}

/** What a model is, where it comes from and how to sample it. */
export interface Card {
  format: number;
  name: string;
  architecture: { kind: string; [size: string]: unknown };
  /** The recommended settings. */
  sampler: SamplerSettings;
  /** The mean of the training images, around which chains begin; ½ if it is not known. */
  mean?: number;
  /** The settings that made the best images, if that was measured; `sampler` is then the faster one. */
  best?: SamplerSettings;
  /** What `ncsn eval` found. */
  quality?: {
    /** The number of samples, and of network evaluations for each. */
    n: number;
    nfe: number;
    sampler: SamplerSettings;
    seed: number;
    /** The Fréchet distance of samples, with its standard error, and of as many training images. */
    frechet: number;
    frechet_error?: number;
    floor: number;
    precision: number;
    recall: number;
    classifier_accuracy?: number;
    /** The network in whose features it was judged; older cards do not name it. */
    features?: { name: string; checksum: string };
  };
  /** The classes of a class-conditional model, by number; none for other models. */
  classes?: Class[];
  /** How it was trained, if this project trained it. */
  training?: {
    data: string;
    pictures: number;
    /** The model that it started from. */
    from?: string;
    /** The guidance that it has learned, if any. */
    autoguidance?: { away_from: string; weight: number; sigmas: [number, number] };
    steps: number;
    examples: number;
    /** The largest and the smallest σ that it was trained at. */
    sigmas?: [number, number];
    ema_decay: number;
    weighting: string;
    seconds: number;
    device: string;
    /** Pairs of σ and the held-out loss ½‖σ s + z‖². */
    held_out: [number, number][];
  };
  /** What it was imported from, if this project did not train it. */
  imported?: string;
  /** The license of the data that it was trained on; `unknown` if none is stated. */
  licence: string;
  image_shape: ImageShape;
  parameters: number;
}

/** How far chains have come. */
export interface Progress {
  /** Steps done, of `steps`. */
  step: number;
  steps: number;
  /** The noise level of the next step, or of the last one when all are done. */
  sigma: number;
  /** Its index from 0, of `levels`. */
  level: number;
  levels: number;
  done: boolean;
}
