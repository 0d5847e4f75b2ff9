//! Why a network's description is refused.

use thiserror::Error;

/// Why a description is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("impossible network: {0}")]
pub struct DescriptionError(pub String);
