//! The plan of any network.

use super::{Plan, refinenet, unet};
use crate::backend::fused::error::FusedError;
use crate::net::Architecture;
use crate::net::weights::Weights;

/// The plan of a network.
///
/// # Errors
/// [`FusedError::Description`] if there is no such network, [`FusedError::Weights`] names a tensor
/// that the weights lack.
pub fn plan(architecture: &Architecture, weights: &Weights) -> Result<Plan, FusedError> {
    architecture.check()?;
    match architecture {
        Architecture::UNet(sizes) => unet::plan(sizes, weights),
        Architecture::RefineNet(sizes) => refinenet::plan(sizes, weights),
    }
}
