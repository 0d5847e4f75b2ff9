/**
 * The plain data that crosses between the page and the wasm module. The wasm module's own `.d.ts` includes these
 * types; in Rust they are serde structs.
 */

/** Which images to show: x̃, or the D(x̃, σ) that the network believes in. */
export type View = "noisy" | "denoised";

/** What runs a network: hand-written WGSL kernels, Burn on WebGPU, or Burn on the CPU. */
export type EngineName = "fused" | "reference" | "cpu";

/** The precision of weights and activations; sums are always f32. */
export type Precision = "f16" | "f32";

/** Why images cannot be right: a value is not finite, or all of an image is the same. */
export type Fault = "infinite" | "even";

export type SamplerName =
  | "langevin"
  | "exact-langevin"
  | "plain-langevin"
  | "consistent"
  | "ancestral"
  | "reverse-diffusion"
  | "predictor-corrector"
  | "ode"
  | "heun";

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
  /** ρ of Heun's grid of levels. */
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
    /** The Fréchet distance in the features of a classifier of the data: of samples, with its standard
     * error, and of as many training images. */
    frechet: number;
    frechet_error?: number;
    floor: number;
    precision: number;
    recall: number;
    classifier_accuracy: number;
  };
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
