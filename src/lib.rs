//! Score-based generative models: trained natively, sampled on every visitor's own GPU.
//!
//! The system is NCSN (Song & Ermon, [*Generative Modeling by Estimating Gradients of the Data
//! Distribution*](https://arxiv.org/abs/1907.05600), 2019) with what its successors learned. One
//! convention holds everywhere: images `x` are in \[0, 1\], a noisy image is `x̃ = x + σ z`
//! with `z ~ N(0, I)`, and the score is `s(x̃, σ) = ∇ log q_σ(x̃)`, which points from `x̃` toward
//! the images that it may have come from.
//!
//! Where is what:
//!
//! | for | see |
//! |---|---|
//! | a noise schedule | [`noise::NoiseSchedule`] |
//! | a sampler's algorithm | a function of [`sample`], such as [`sample::edm::heun`] |
//! | a sampler's settings, and the steps that they make | [`sample::Settings`], [`sample::StepTable`] |
//! | a model file | [`model_file::ModelFile`] |
//! | sampling from a network | [`backend::BurnChains`] on any Burn device, [`backend::fused::FusedChains`] on a GPU |
//! | the WGSL kernels | [`backend::fused`] |
//! | training, step by step | [`train::Trainer`] |
//! | training with reports, samples and checkpoints | [`train::Session`] |
//! | the Fréchet distance, which is FID in the features of Inception | [`eval::frechet_distance`] |
//!
//! From the lowest layer up, with the feature that a module needs, if it needs one:
//!
//! | module | contents | feature |
//! |---|---|---|
//! | [`noise`] | the noise schedule σ₁ > … > σ_L, the rules that choose it, and perturbation | |
//! | [`random`] | the counter-based generator that makes a seed mean the same image everywhere | |
//! | [`score`] | the traits of anything that has a score | |
//! | [`pixel`] | pixels as bytes and as values, colors as gray | |
//! | [`net`] | networks: a description as plain data, and its Burn module | its modules `burn` |
//! | [`sample`] | samplers, each a function that returns a step table, and what conditions and guides chains | guides `burn` |
//! | [`loss`] | denoising score matching | the loss itself `burn` |
//! | [`recipe`] | what each step of a training run draws and does | |
//! | [`likelihood`] | how probable images are under a model, by the probability flow | of a network `cli` |
//! | [`toy`] | densities whose score is known exactly | |
//! | [`backend`] | chains under way: one trait, and the backends that run step tables | `burn`, `fused` |
//! | [`model_file`] | one `.safetensors` file is a whole model | |
//! | [`onnx`] | models for other runtimes | `onnx` |
//! | [`data`] | images from disk, from archives and arrays | `cli` |
//! | [`hub`], [`download`] | models on the Hugging Face hub; files from the web | `cli` |
//! | [`grid`] | grids of images as PNG | `cli` |
//! | [`import`] | published weights | `cli` |
//! | [`classifier`] | classifiers, which judge and guide | `cli` |
//! | [`train`] | the trainer and its loop | `cli` |
//! | [`eval`] | the quality of samples | `cli` |
//! | `web` | the interface for JavaScript | wasm only |
//!
//! | feature | adds |
//! |---|---|
//! | `cli` (default) | the programs `ncsn` and `train`, and all that is native only; includes `burn`, `fused` and `training` |
//! | `burn` | the Burn modules: training, and the reference backend |
//! | `fused` | the backend of WGSL kernels |
//! | `training` | training by these kernels |
//! | `onnx` | models for other runtimes, natively |
//! | `cuda`, `vulkan`, `metal`, `libtorch` | Burn devices besides the CPU |
//! | `mpi` | training shared by processes; needs an MPI and libclang |
//! | `reference`, `cpu` | engines that the page fetches when they are asked for |
//!
//! # Sampling a known density
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
//! # Images from a model
//!
//! A [`model_file::ModelFile`] has a network's weights and a card, which recommends settings. On a GPU
//! [`backend::fused::FusedChains`] take the place of [`backend::BurnChains`].
//!
//! ```no_run
//! # #[cfg(all(feature = "cli", not(target_family = "wasm")))]
//! # fn sample() -> Result<(), Box<dyn std::error::Error>> {
//! use burn::tensor::Device;
//! use ncsn::backend::{BurnChains, BurnModel, ChainSource, Chains, View, advance_to};
//! use ncsn::{grid, model_file::ModelFile, pixel};
//! use pollster::block_on;
//!
//! let ModelFile { card, weights } = ModelFile::read(&std::fs::read("model.safetensors")?)?;
//! let network = BurnModel::with_weights(&card.architecture, weights, &Device::flex())?;
//! // All steps of the recommended sampler, then sixteen chains of seed 1 at their start.
//! let table = card.step_table(&card.sampler, None)?;
//! let mut chains = BurnChains::new(&network, table, 1, 0..16)?;
//! block_on(advance_to(&mut chains, usize::MAX, |_| ()))?;
//! let pixels = block_on(chains.read(View::Noisy))?;
//! let png = grid::encode_png(&pixel::bytes(&pixels), network.image_shape(), None)?;
//! std::fs::write("samples.png", png)?;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/sample.rs` is this as a program, and `examples/train.rs` makes such a file from a folder
//! of images.

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
// Public for the two programs alone.
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
#[doc(hidden)]
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
#[cfg(all(feature = "onnx", not(target_family = "wasm")))]
pub mod onnx;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
mod pickle;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod train;

#[cfg(all(any(feature = "fused", feature = "reference", feature = "cpu"), target_family = "wasm"))]
pub mod web;
