//! Score-based generative models: trained natively, sampled on every visitor's own GPU.
//!
//! The system is NCSN (Song & Ermon, [*Generative Modeling by Estimating Gradients of the Data
//! Distribution*](https://arxiv.org/abs/1907.05600), 2019) with what its successors learned. One
//! convention holds everywhere: images `x` are in \[0, 1\], a noisy image is `x̃ = x + σ z`
//! with `z ~ N(0, I)`, and the score is `s(x̃, σ) = ∇ log q_σ(x̃)`, which points from `x̃` towards
//! the images that it may have come from.
//!
//! From the lowest layer up:
//!
//! | module | contents |
//! |---|---|
//! | [`noise`] | the noise schedule σ₁ > … > σ_L, the rules that choose it, and perturbation |
//! | [`random`] | the counter-based generator that makes a seed mean the same image everywhere |
//! | [`score`] | the traits of anything that has a score |
//! | [`pixel`] | pixels as bytes and as values, colors as gray |
//! | [`net`] | networks: a description as plain data, and its Burn module |
//! | [`sample`] | samplers, each a function that returns a step table, and what conditions and guides chains |
//! | [`loss`] | denoising score matching |
//! | [`recipe`] | what each step of a training run draws and does |
//! | [`likelihood`] | how probable images are under a model, by the probability flow |
//! | [`toy`] | densities whose score is known exactly |
//! | [`backend`] | chains under way: one trait, and the backends that run step tables |
//! | [`model_file`] | one `.safetensors` file is a whole model |
//! | `data`, `hub`, `download`, `grid`, `train`, `classifier`, `eval`, `import`, `onnx`, `cli` | native only: images from disk, models on the Hugging Face hub, downloads, grids of images as PNG, the trainer and its loop, classifiers, the quality of samples, published weights, models for other runtimes, the two binaries |
//! | `web` | wasm only: the interface for JavaScript |
//!
//! | feature | adds |
//! |---|---|
//! | `cli` (default) | the programs `ncsn` and `train`, and all that is native only; includes `burn`, `fused` and `training` |
//! | `burn` | the Burn modules: training, and the reference backend |
//! | `fused` | the backend of WGSL kernels |
//! | `training` | training by these kernels |
//! | `cuda`, `vulkan`, `metal`, `libtorch` | Burn devices besides the CPU |
//! | `mpi` | training shared by processes; needs an MPI and libclang |
//! | `reference`, `cpu` | engines that the page fetches when they are asked for |
//!
//! # Sampling, in ten lines
//!
//! The samplers need no network and no GPU: they run on anything that has a score. Here it is a
//! mixture of two Gaussians in the plane, of weights ⅕ and ⅘.
//!
//! ```
//! use ncsn::backend::host;
//! use ncsn::sample::{Sampler, Settings};
//! use ncsn::toy::{GaussianMixture, two_modes};
//!
//! let density = GaussianMixture::two_modes();
//! // Heun's method from σ = 20 to σ = 0.01; 199 evaluations of the score.
//! let settings = Settings { sampler: Sampler::Heun, ..Settings::recommended(20.0, 0.01) };
//! let (table, conditioning) = two_modes::step_table(&settings)?;
//! // A thousand chains of seed 1, two coordinates each.
//! let points = host::run_conditioned(&table, &conditioning, &density, 1, 1_000)?;
//!
//! let share = two_modes::upper_share(&points);
//! assert!((share - 0.8).abs() < 0.05, "{share}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Images come from a [`model_file::ModelFile`]: [`backend::BurnChains`] runs the same step table
//! on Burn, [`backend::fused::FusedChains`] on the GPU. `examples/train.rs` makes such a file from
//! a folder of images, `examples/sample.rs` draws images with it.

#![warn(missing_docs)]

pub mod backend;
mod cos_2pi;
pub mod likelihood;
pub mod loss;
pub mod model_file;
pub mod net;
pub mod noise;
pub mod pixel;
pub mod random;
pub mod recipe;
pub mod sample;
pub mod score;
pub mod toy;
mod words;

#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod classifier;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod cli;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod data;
#[cfg(any(
    all(feature = "cli", not(target_family = "wasm")),
    all(feature = "training", target_family = "wasm")
))]
mod distance;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod download;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod eval;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
mod files;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod grid;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod hub;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod import;
#[cfg(not(target_family = "wasm"))]
pub mod onnx;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
mod pickle;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod train;

#[cfg(all(any(feature = "fused", feature = "reference", feature = "cpu"), target_family = "wasm"))]
pub mod web;
