//! Why a network's description, or its weights, are refused.

use thiserror::Error;

/// Why a description is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("impossible network: {0}")]
pub struct DescriptionError(pub String);

/// Why there is no network with some weights.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NetworkError {
    /// The sizes do not fit together.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The tensor of this name is missing, unknown or of another shape.
    #[error("the weights are of another network: {0} is missing, unknown or of another shape")]
    Weights(String),
}
