//! The precision of stored weights and tensors. Sums are always in f32.

/// A precision of weights and tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// f32.
    #[default]
    Single,
    /// f16, with half the memory and bandwidth, on adapters with `shader-f16`. Images, scores,
    /// moments and everything that depends on σ alone stay f32.
    Half,
}

impl Precision {
    /// The largest f16; larger numbers are clamped to it.
    pub const MOST: f32 = 65504.0;

    /// This precision, or f32 for what is `exact`: in f32 whatever the network's precision.
    pub(in crate::backend::fused) fn unless_exact(self, exact: bool) -> Self {
        if exact { Self::Single } else { self }
    }

    /// The bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }

    /// The WGSL type of a number.
    pub fn scalar(self) -> &'static str {
        match self {
            Self::Single => "f32",
            Self::Half => "f16",
        }
    }

    /// The WGSL type of four numbers.
    pub fn quad(self) -> &'static str {
        match self {
            Self::Single => "vec4f",
            Self::Half => "vec4h",
        }
    }
}
