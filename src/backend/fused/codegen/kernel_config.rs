//! How kernels use a GPU: three choices, as plain data.

use super::gpu::Gpu;
use super::precision::Precision;
use super::{self_test, tiling::Tiling};

/// How kernels use a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Convolutions keep everything in registers, without workgroup memory and barriers, which are
    /// expensive where a CPU plays the GPU. Normalisations are separate passes. (What sums over a
    /// whole image shares memory in either style: InstanceNorm++, and the moments and norms of
    /// `kernels/reduce_moments.wgsl` and `move.wgsl`.)
    Direct,
    /// Inputs are staged in workgroup memory and normalised on the way.
    Staged,
}

/// How a network's kernels are generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    /// How they use the GPU.
    pub strategy: Strategy,
    /// The precision of weights and tensors.
    pub precision: Precision,
    /// The shapes of a convolution's tiles, from those of the style.
    pub tiling: Tiling,
}

impl KernelConfig {
    /// A style and a precision, with the style's default tiles.
    pub fn new(strategy: Strategy, precision: Precision) -> Self {
        Self { strategy, precision, tiling: Tiling::of(strategy)[0] }
    }

    /// The best setup for a GPU: staged, in the wanted precision or else in f32, if that computes
    /// what the plainest kernels do. These are the fallback, and the fastest on a CPU.
    pub async fn best(gpu: &Gpu, wanted: Precision) -> Self {
        for precision in [wanted, Precision::Single] {
            if !gpu.is_software() && self_test::passes(gpu, precision).await {
                return Self::new(Strategy::Staged, precision);
            }
        }
        Self::new(Strategy::Direct, Precision::Single)
    }
}
