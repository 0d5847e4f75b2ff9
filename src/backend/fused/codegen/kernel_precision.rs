//! The precision of stored weights and tensors. Sums are always in f32.

/// A precision of weights and tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelPrecision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, with half the memory and bandwidth, on adapters with `shader-f16`. Images, scores,
    /// moments and everything that depends on σ alone stay f32.
    F16,
}

impl KernelPrecision {
    /// The largest f16; larger numbers are clamped to it.
    pub const MOST: f32 = 65504.0;

    /// This precision, or f32 for what is `exact`: in f32 whatever the network's precision.
    pub(in crate::backend::fused) fn unless_exact(self, exact: bool) -> Self {
        if exact { Self::F32 } else { self }
    }

    /// The bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// The WGSL type of a number.
    pub fn scalar(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// The WGSL type of four numbers.
    pub fn quad(self) -> &'static str {
        match self {
            Self::F32 => "vec4f",
            Self::F16 => "vec4h",
        }
    }
}
