//! The fused backend: a network as a fixed list of WGSL compute passes, natively and in the
//! browser.
//!
//! It samples, and with the feature `training` it also trains U-Nets.
//!
//! Everything about a chain is determined before its first step. Each step replays the same kernel
//! launches with a different row of a table. From a network to pixels:
//!
//! | file | contents |
//! |---|---|
//! | **`plan/`** | **from a network to kernel launches** |
//! | `network.rs`, `unet.rs`, `refinenet.rs` | the plan of a network, layer by layer |
//! | `builder.rs`, `conv_layer.rs` | layers as launches, and their weights in the order of memory |
//! | `mod.rs`, `launch.rs`, `tensor.rs`, `channel_layout.rs` | what a plan, a launch and a tensor are |
//! | `sigma_input.rs` | how σ enters a network and scales its output |
//! | `training/` | the backward launches of a training step, and which weight each parameter copies |
//! | **`codegen/`** | **from launches to WGSL** |
//! | `kernel_config.rs`, `strategy.rs`, `kernel_precision.rs`, `tiling.rs` | how kernels are generated |
//! | `lower/` | each kind of launch as a kernel; `lower/training/` those of a training step |
//! | `kernel.rs` | what a kernel is, and what it is bound to |
//! | `kernels/`, `wgsl.rs`, `template.rs` | the kernels' templates, how they are included and expanded |
//! | `render.rs` | the shader that draws images |
//! | **`runtime/`** | **running compiled kernels on a GPU** |
//! | `gpu.rs`, `platform.rs` | the device; what differs between native builds and the browser |
//! | `compiler.rs`, `pipelines.rs`, `precompile.rs` | compiling kernels, also while weights are downloading |
//! | `network.rs`, `compiled_plan.rs`, `parameters.rs` | a network on the GPU |
//! | `buffer_plan.rs`, `activations.rs` | which tensors share a buffer |
//! | `owned_buffer.rs`, `row_table.rs` | a buffer that frees its memory; one of rows, of which kernels read one each |
//! | `buffers.rs`, `bound_buffers.rs`, `buffer_pool.rs` | buffers and bind groups for a batch, and their reuse |
//! | `step_row.rs`, `step_rows.rs`, `level_rows.rs` | the steps of a step table as rows for the kernels; the noise levels and classes that they refer to |
//! | `chains.rs`, `recorder.rs`, `throttle.rs` | chains: recording steps, and how many to submit at a time |
//! | `counter.rs` | whether the GPU has computed all that was submitted |
//! | `render.rs` | drawing images onto a texture |
//! | `training/` | a training run: its kernels, buffers and rows; submitting and timing its steps; its state |
//! | **`tune/`** | **measuring the GPU** |
//! | `self_test.rs`, `best.rs` | which strategy and precision compute the right thing |
//! | `training_test.rs`, `known_step.rs` | whether the gradients are right: those of a step that Burn has made |
//! | `tuner.rs` | which tiles are the fastest |
//! | `profile.rs` | how long each launch takes |
//!
//! Imports run from `tune/` and `runtime/` down to `codegen/` and from there to `plan/`; `error.rs`
//! is common to all.

#![allow(
    clippy::arc_with_non_send_sync,
    reason = "in the browser wgpu's handles stay on their thread; natively they are sent"
)]

mod codegen;
mod error;
mod plan;
mod runtime;
mod tune;

pub use codegen::{KernelConfig, KernelPrecision, Strategy, Tiling};
pub use error::FusedError;
pub use runtime::{Compiler, FusedChains, Gpu, Network, Precompile};
#[cfg(feature = "training")]
pub use runtime::{
    DataSet, Example, ExampleRow, PartRow, TimedTraining, Training, TrainingReport, TrainingState,
    TrainingStep,
};
pub use tune::{Timed, Tuner, best_kernel_config, profile};
#[cfg(feature = "training")]
pub use tune::{check_training, check_training_with, training_test_texts};
