//! What this crate's own kernels cannot train.

use std::fmt;

use super::method::Method;

/// What only Burn can train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedsBurn {
    /// The networks of both papers.
    RefineNet,
    /// [`super::Precision::Bf16`].
    Bf16,
    /// This method.
    Method(Method),
}

impl fmt::Display for NeedsBurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RefineNet => f.write_str("an NCSN or NCSNv2 RefineNet"),
            Self::Bf16 => f.write_str("bf16"),
            Self::Method(method) => method.fmt(f),
        }
    }
}
