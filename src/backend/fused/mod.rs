//! The fused backend: a network as a static plan of WGSL compute passes, natively and in the
//! browser.
//!
//! Everything about a chain is decided before its first step. Each step replays the same launches
//! with a different row of a table. From a network to pixels:
//!
//! | file | contents |
//! |---|---|
//! | `unet.rs`, `refinenet.rs` | the networks, layer by layer |
//! | `sigma_embedding.rs` | how σ enters them and scales their output |
//! | `builder.rs`, `layer.rs`, `pack.rs` | layers as launches, and their weights in memory order |
//! | `plan.rs` | what a launch is |
//! | `config.rs`, `precision.rs`, `tiling.rs` | what kernels are generated for: style, precision, tiles |
//! | `self_test.rs`, `tuner.rs` | which style and precision can be trusted, which tiles are fastest |
//! | `lower/`, `template.rs`, `kernels.rs`, `kernels/` | launches as shaders, in the style that suits the GPU |
//! | `precompile.rs` | compiling while the weights are on their way |
//! | `memory.rs` | which tensors share a buffer |
//! | `network.rs`, `pipelines.rs`, `buffers.rs` | pipelines, then buffers and bind groups for a batch of images |
//! | `step.rs`, `steps.rs` | a step table's steps as rows of a table |
//! | `chain.rs`, `run.rs`, `throttle.rs` | submitting the steps |
//! | `profile.rs` | how long each launch takes |
//! | `render.rs` | drawing images onto a texture |
//! | `gpu.rs`, `platform.rs`, `error.rs` | the device and its failures |

#![allow(
    clippy::arc_with_non_send_sync,
    reason = "in the browser wgpu's handles stay on their thread; natively they are sent"
)]

mod buffers;
mod builder;
mod chain;
mod error;
mod gpu;
mod precompile;
mod sigma_embedding;
#[macro_use]
mod kernels;
mod buffer_plan;
mod kernel_config;
mod layer;
mod lower;
mod network;
#[cfg(all(test, not(target_family = "wasm")))]
mod noise_test;
mod pack;
mod pipelines;
mod plan;
mod platform;
mod precision;
mod profile;
mod refinenet;
mod render;
mod run;
mod self_test;
mod step;
mod steps;
mod template;
mod throttle;
mod tiling;
mod tuner;
mod unet;

pub use chain::Chain;
pub use error::FusedError;
pub use gpu::Gpu;
pub use kernel_config::{KernelConfig, Strategy};
pub use network::Network;
pub use precision::Precision;
pub use precompile::Precompile;
pub use profile::{Timed, profile};
pub use tiling::Tiling;
pub use tuner::Tuner;
