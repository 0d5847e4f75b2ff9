//! From kernel launches to WGSL.
//!
//! A plan's launches become [`Kernel`]s: the templates of `kernels/` expanded for the sizes of a
//! layer, and what their bindings refer to. A [`KernelConfig`] says for what kind of GPU.

mod kernel;
mod kernel_config;
mod kernel_precision;
mod lower;
mod render;
mod strategy;
mod template;
mod tiling;
mod wgsl;

#[cfg(feature = "training")]
pub use kernel::TrainingBuffer;
pub use kernel::{Access, Binding, Kernel, Operand};
pub use kernel_config::KernelConfig;
pub use kernel_precision::KernelPrecision;
#[cfg(feature = "training")]
pub use lower::training::{
    LoweredTraining, StableTargets, TrainingKernel, attention_memory, lower_training,
};
pub use lower::{Lowered, lower};
pub use render::render_shader;
pub use strategy::Strategy;
pub use tiling::Tiling;
