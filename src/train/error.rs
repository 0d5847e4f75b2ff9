//! Why a training run fails.

use burn::store::RecordError;
use thiserror::Error;

use super::{Method, NeedsBurn, OptionsError};
use crate::backend::BackendError;
use crate::backend::fused::FusedError;
use crate::net::weights::WeightsMismatch;
use crate::net::{DescriptionError, NetworkError};

/// Why a run cannot start, continue or be resumed.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The options are impossible.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The network is impossible.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// Burn does not accept what a checkpoint holds.
    #[error("the checkpoint does not fit this program: {0}")]
    Record(#[from] RecordError),
    /// A model's weights are of another network.
    #[error(transparent)]
    Weights(#[from] WeightsMismatch),
    /// The options ask for what is learned from a model, which the [`super::Start`] or the checkpoint
    /// lacks.
    #[error("{0} needs a model to learn from, which this run lacks")]
    Teacher(Method),
    /// The checkpoint of a run that matches a distribution lacks its critic.
    #[error("the checkpoint lacks the critic, so it is not whole")]
    Critic,
    /// The ranks of a distributed run are not in the same state.
    #[error(
        "the ranks do not agree on device, step, options or weights: give each the same kind of \
         device, and the same images, checkpoint and models"
    )]
    Ranks,
    /// The loss or a weight is NaN or infinite.
    #[error("the training diverged between steps {sound} and {step}: {what} is not finite")]
    Diverged {
        /// The last step after which everything was finite, to which the run has returned.
        sound: u64,
        /// The step after which it was not.
        step: u64,
        /// What is not finite.
        what: &'static str,
    },
    /// The device does not support the requested precision.
    #[error("this device cannot compute in bf16: train in f32")]
    Precision,
    /// The device failed: why, in one line.
    #[error("the device failed: {0}")]
    Device(String),
    /// This crate's kernels cannot train this way.
    #[error("this crate's kernels cannot train with {0}: use a device of Burn's, such as the CPU")]
    Unsupported(NeedsBurn),
    /// The GPU failed, or is too small.
    #[error(transparent)]
    Gpu(#[from] FusedError),
    /// No samples can be drawn.
    #[error(transparent)]
    Samples(#[from] BackendError),
}

impl From<NetworkError> for TrainError {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Description(error) => Self::Description(error),
            NetworkError::Weights(mismatch) => Self::Weights(mismatch),
        }
    }
}
