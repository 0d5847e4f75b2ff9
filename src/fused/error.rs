//! What can go wrong between a network and a GPU.

use thiserror::Error;

use crate::net::DescriptionError;
use crate::sample::steering::SteeringError;

/// Why the fused executor cannot go on.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FusedError {
    /// There is nothing to run on.
    #[error("no GPU can be used here: {0}")]
    NoAdapter(String),
    /// There is an adapter, but it gives no device.
    #[error("the GPU {adapter} refuses to work: {reason}")]
    NoDevice {
        /// Its name.
        adapter: String,
        /// What it says.
        reason: String,
    },
    /// The work is larger than the adapter allows.
    #[error("{what} needs {needed}, but this GPU's limit {limit} is {available}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit's name in WebGPU.
        limit: &'static str,
        /// What the work needs.
        needed: u64,
        /// What there is.
        available: u64,
    },
    /// The adapter lacks what was asked for.
    #[error("this GPU lacks the feature {0}")]
    Feature(&'static str),
    /// The architecture is impossible.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The steering does not fit the model's pictures.
    #[error(transparent)]
    Steering(#[from] SteeringError),
    /// The weights are not those of the architecture.
    #[error("the tensor `{0}` is missing, or its shape is not what the network needs")]
    Weights(String),
    /// The device's memory is used up.
    #[error("the GPU is out of memory; use a smaller batch")]
    OutOfMemory,
    /// The device went away: unplugged, reset, or taken back by the browser.
    #[error("the GPU was lost ({0}); the chain can be started again from its seed")]
    Lost(String),
    /// The device refused something that it should have taken.
    #[error("the GPU reports a fault: {0}")]
    Fault(String),
    /// As many σ as pictures, or one for all, are needed.
    #[error("{sigmas} values of σ for {pictures} pictures")]
    Sigmas {
        /// How many there are.
        sigmas: usize,
        /// How many pictures there are.
        pictures: usize,
    },
    /// The values are not a whole number of pictures.
    #[error("{values} values are not a whole number of pictures of {dimension}")]
    Pictures {
        /// How many values there are.
        values: usize,
        /// The values of one picture.
        dimension: usize,
    },
}
