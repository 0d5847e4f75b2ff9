//! How kernels use a GPU: three choices, as plain data.

use super::gpu::Gpu;
use super::precision::Precision;
use super::{self_test, tiling::Tiling};

/// How kernels use a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Everything in registers, without workgroup memory and barriers, which are dear where a CPU
    /// plays the GPU. Normalisations are passes of their own.
    Direct,
    /// Inputs are staged in workgroup memory, and normalised on the way.
    Staged,
}

/// What a network's kernels are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// How they share their work.
    pub style: Style,
    /// In what precision they keep weights and tensors.
    pub precision: Precision,
    /// The shapes of a convolution's tiles, of those that the style has.
    pub tiling: Tiling,
}

impl Setup {
    /// A style and a precision, with the tiles that a style has until somebody has measured.
    pub fn new(style: Style, precision: Precision) -> Self {
        Self { style, precision, tiling: Tiling::of(style)[0] }
    }

    /// What suits a GPU. Where it is one, inputs are staged, in the precision that is wanted or else in
    /// f32, if that computes what the plainest kernels do; on a CPU these are the fastest.
    pub async fn best(gpu: &Gpu, wanted: Precision) -> Self {
        for precision in [wanted, Precision::Single] {
            if !gpu.is_software() && self_test::passes(gpu, precision).await {
                return Self::new(Style::Staged, precision);
            }
        }
        Self::new(Style::Direct, Precision::Single)
    }
}
