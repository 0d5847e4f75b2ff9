//! What this crate's own kernels cannot train.

use std::fmt;

use super::method::Method;

/// What only Burn can train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedsBurn {
    /// Networks of this kind, in words.
    Network(&'static str),
    /// [`super::Precision::Bf16`].
    Bf16,
    /// This method.
    Method(Method),
}

impl NeedsBurn {
    /// The networks of both papers.
    pub const REFINENET: Self = Self::Network("an NCSN or NCSNv2 RefineNet");
}

impl fmt::Display for NeedsBurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(name) => f.write_str(name),
            Self::Bf16 => f.write_str("bf16"),
            Self::Method(method) => method.fmt(f),
        }
    }
}
