//! How a network's kernels are generated: three choices, as plain data.

use super::kernel_precision::KernelPrecision;
use super::strategy::Strategy;
use super::tiling::Tiling;

/// How a network's kernels are generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    /// How they use the GPU.
    pub strategy: Strategy,
    /// The precision of weights and tensors.
    pub precision: KernelPrecision,
    /// The sizes of a convolution's tiles: one of the strategy's.
    pub tiling: Tiling,
}

impl KernelConfig {
    /// A strategy and a precision, with the strategy's default tiling.
    pub fn new(strategy: Strategy, precision: KernelPrecision) -> Self {
        Self { strategy, precision, tiling: Tiling::of(strategy)[0] }
    }
}
