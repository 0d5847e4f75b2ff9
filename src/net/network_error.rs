//! Why there is no network with some weights.

use thiserror::Error;

use super::description_error::DescriptionError;
use super::weights::WeightsMismatch;

/// Why there is no network with some weights.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NetworkError {
    /// The sizes do not fit together.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The weights are of another network.
    #[error(transparent)]
    Weights(#[from] WeightsMismatch),
}
