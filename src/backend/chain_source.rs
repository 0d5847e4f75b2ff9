//! What makes chains: a network on a backend.

use std::ops::Range;

use super::chains::Chains;
use super::error::BackendError;
use crate::net::ImageShape;
use crate::sample::{Conditioning, StepTable};

/// A network on a backend, ready to make chains. Programs that let a person choose the backend hold
/// one of these, and see no difference after that.
pub trait ChainSource {
    /// The shape of its images.
    fn image_shape(&self) -> ImageShape;

    /// The chains of these numbers, at the start of a step table. Chain 7 is the same whether it runs
    /// alone or in a batch from 0 to 100.
    ///
    /// # Errors
    /// [`BackendError::Chains`] if there are none or a number is too large,
    /// [`BackendError::Conditioning`] if the conditioning does not fit the network's images or
    /// classes, others if the device has no room for so many chains, or failed.
    fn chains(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Box<dyn Chains>, BackendError>;
}
