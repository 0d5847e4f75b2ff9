//! Why chains cannot start or go on.

use thiserror::Error;

#[cfg(feature = "fused")]
use super::fused::FusedError;
use crate::sample::ConditioningError;

/// Why chains cannot start or go on.
#[derive(Debug, Error)]
pub enum BackendError {
    /// The conditioning does not fit the model's images.
    #[error(transparent)]
    Conditioning(#[from] ConditioningError),
    /// The fused backend cannot go on.
    #[cfg(feature = "fused")]
    #[error(transparent)]
    Fused(#[from] FusedError),
    /// A Burn device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// The backend draws nothing.
    #[error("this engine cannot draw; ask for pixels instead")]
    CannotDraw,
    /// A state is not one of these chains.
    #[error("the state does not fit these chains: it has {found} {what}, but they have {expected}")]
    State {
        /// What differs.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the chains have; of steps, a state may have fewer.
        expected: usize,
    },
}
