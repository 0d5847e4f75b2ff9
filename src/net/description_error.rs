//! Why a network's description is refused.

use thiserror::Error;

/// Why a description is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("impossible network: {0}")]
pub struct DescriptionError(String);

impl DescriptionError {
    /// Refused for this reason.
    pub(crate) fn new(problem: String) -> Self {
        Self(problem)
    }
}
