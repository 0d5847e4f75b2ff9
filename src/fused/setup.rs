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

    /// The style that suits a GPU, in f32.
    pub fn exact(gpu: &Gpu) -> Self {
        let style = if gpu.is_software() { Style::Direct } else { Style::Staged };
        Self::new(style, Precision::Single)
    }

    /// The style that suits a GPU, in f16 where it is one that computes with it as it should: on a
    /// CPU f16 is slower.
    pub async fn best(gpu: &Gpu) -> Self {
        let exact = Self::exact(gpu);
        let half = exact.style == Style::Staged && self_test::passes(gpu).await;
        let precision = if half { Precision::Half } else { Precision::Single };
        Self { precision, ..exact }
    }
}
