//! The trainer: denoising score matching with Adam, a moving average of the weights, and
//! checkpoints from which training continues to the very same weights.
//!
//! [`Trainer`] makes the steps; [`Session`] is the training loop around it, with evaluations,
//! checkpoints and the model at the end. `examples/train.rs` trains on a folder of images.

mod augment;
mod autoguidance;
mod batch;
mod card;
mod checkpoint;
mod checkpoints;
mod checks;
mod classifier;
mod consistency;
mod consistency_loss;
mod distribution_matching;
mod distribution_matching_loss;
mod ema;
mod error;
mod fingerprint;
mod grad_clip;
mod learner;
mod method;
mod methods;
mod needs_burn;
mod options;
mod options_error;
mod precision;
mod ranks;
mod recommended;
mod records;
mod session;
mod shards;
mod start;
mod target;
mod teacher;
#[cfg(test)]
pub(crate) mod test_network;
mod trainer;
mod weighted_sum;

pub use augment::Augmentation;
pub use autoguidance::Autoguidance;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use checkpoints::{Checkpoints, LoadedCheckpoint};
pub use classifier::{ClassifierOptions, train_classifier};
pub use consistency::Consistency;
pub use distribution_matching::DistributionMatching;
pub use error::TrainError;
pub use fingerprint::Fingerprint;
pub use method::Method;
pub use needs_burn::NeedsBurn;
pub use options::Options;
pub use options_error::OptionsError;
pub use precision::Precision;
pub use ranks::Ranks;
#[cfg(feature = "mpi")]
pub use ranks::mpi_ranks::MpiRanks;
pub use recommended::{STABLE_TARGETS_VALUES, measure_distances, usual_steps};
pub use session::{Event, Report, Session, SessionError, SessionOptions};
pub use start::Start;
pub use target::stable_sigma;
pub use trainer::Trainer;
