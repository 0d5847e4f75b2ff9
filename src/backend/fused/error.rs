//! What can go wrong between a network and a GPU.

use thiserror::Error;

use crate::net::DescriptionError;
use crate::net::weights::WeightsMismatch;

/// Why the fused backend cannot go on.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FusedError {
    /// There is no GPU to run on.
    #[error("no GPU can be used here: {0}")]
    NoAdapter(String),
    /// The adapter provides no device.
    #[error("the GPU {adapter} cannot be opened: {reason}")]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// The adapter's reason.
        reason: String,
    },
    /// The work is larger than the adapter allows.
    #[error("{what} needs {needed}, but this GPU's limit {limit} is {available}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit's name in WebGPU, or what it is a limit of.
        limit: &'static str,
        /// What the work needs.
        needed: u64,
        /// What the adapter allows.
        available: u64,
    },
    /// The adapter lacks a required feature.
    #[error("this GPU lacks the feature {0}")]
    Feature(&'static str),
    /// The architecture is invalid.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The weights do not match the architecture.
    #[error(transparent)]
    Weights(#[from] WeightsMismatch),
    /// The GPU failed the self-test of training.
    #[cfg(feature = "training")]
    #[error("this GPU computes wrong gradients, so nothing can be trained on it")]
    Gradients,
    /// The device is out of memory.
    #[error("the GPU is out of memory; use a smaller batch")]
    OutOfMemory,
    /// The device was lost: unplugged, reset, or withdrawn by the browser.
    #[error("the GPU was lost: {0}")]
    Lost(String),
    /// The device rejected something it should have accepted.
    #[error("the GPU reports a fault: {0}")]
    Fault(String),
    /// A batch shows too many classes.
    #[error("a batch can show {most} classes, but this one has {classes}; use a smaller batch")]
    Classes {
        /// How many it has.
        classes: usize,
        /// How many it can have.
        most: usize,
    },
    /// A wrong number of values: there must be one σ and one class per image, or one for all; and as
    /// many bytes and labels as the images of a data set have.
    #[error("{found} {what} for {images} images")]
    Count {
        /// What there is a wrong number of.
        what: &'static str,
        /// That number.
        found: usize,
        /// The number of images.
        images: usize,
    },
    /// A number of a training step is beyond what the run was made for.
    #[cfg(feature = "training")]
    #[error("{what} is {found}, but must be at least {least} and below {end} in this run")]
    Step {
        /// Which number.
        what: &'static str,
        /// What it is.
        found: u64,
        /// The least that it can be.
        least: u64,
        /// One more than the most that it can be.
        end: u64,
    },
    /// The values are not a whole number of images.
    #[error("{values} values are not a whole number of images of {dimension}")]
    Images {
        /// The number of values.
        values: usize,
        /// The number of values in one image.
        dimension: usize,
    },
}

impl FusedError {
    /// Checks a need against a limit.
    ///
    /// # Errors
    /// [`Self::Limit`] if `needed` is above what is `available`.
    pub(in crate::backend::fused) fn check_limit(
        what: &'static str,
        limit: &'static str,
        needed: u64,
        available: u64,
    ) -> Result<(), Self> {
        match needed > available {
            true => Err(Self::Limit { what, limit, needed, available }),
            false => Ok(()),
        }
    }
}
