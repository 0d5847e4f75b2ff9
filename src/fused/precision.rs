//! In what precision weights and tensors are kept. Sums are always taken in f32.

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// f32.
    #[default]
    Single,
    /// f16, which takes half the memory and half the bandwidth, where the adapter has `shader-f16`.
    /// Pictures, scores, moments and whatever depends on σ alone stay f32.
    Half,
}

impl Precision {
    /// The largest number of f16. What is larger is kept as this.
    pub const MOST: f32 = 65504.0;

    /// The bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }

    /// What WGSL calls a number.
    pub fn scalar(self) -> &'static str {
        match self {
            Self::Single => "f32",
            Self::Half => "f16",
        }
    }

    /// What WGSL calls four of them.
    pub fn quad(self) -> &'static str {
        match self {
            Self::Single => "vec4f",
            Self::Half => "vec4h",
        }
    }
}
