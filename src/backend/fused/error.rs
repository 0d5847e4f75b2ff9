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
    #[error(
        "{what} would take {needed} {}, more than this GPU's {limit} of {available}{}",
        if *limit == Self::WORKGROUPS { "workgroups" } else { "bytes" },
        if what.ends_with(Self::OF_A_BATCH) { "; use a smaller batch" } else { "" }
    )]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit's name in WebGPU, or what else is limited.
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
    /// The state of training is that of another network.
    #[cfg(feature = "training")]
    #[error("the state has {found} weights, the network {weights}")]
    State {
        /// The number of weights, averages or pairs of moments in the state.
        found: usize,
        /// The number of the network's weights.
        weights: usize,
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
    /// The limit of what is launched at a time.
    pub(in crate::backend::fused) const WORKGROUPS: &str = "maxComputeWorkgroupsPerDimension";
    /// How the name of what a smaller batch needs less of ends.
    const OF_A_BATCH: &str = "of a batch";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_said_with_its_unit_and_what_helps() {
        let message = |what, limit| {
            FusedError::check_limit(what, limit, 9, 8).expect_err("9 is above 8").to_string()
        };
        assert_eq!(
            message("the activations of a batch", "maxBufferSize"),
            "the activations of a batch would take 9 bytes, more than this GPU's maxBufferSize of \
             8; use a smaller batch"
        );
        assert_eq!(
            message("a launch", FusedError::WORKGROUPS),
            "a launch would take 9 workgroups, more than this GPU's \
             maxComputeWorkgroupsPerDimension of 8"
        );
    }
}
