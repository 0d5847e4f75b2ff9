//! The trainer: denoising score matching with Adam, a moving average of the weights, and
//! checkpoints from which training continues to the very same weights.
//!
//! [`Trainer`] makes the steps; [`Session`] is the training loop around it, with evaluations,
//! checkpoints and the model at the end. `examples/train.rs` trains on a folder of images.

mod augment;
mod batch;
mod checkpoint;
mod checkpoints;
mod classifier;
mod consistency;
mod distribution_matching;
mod ema;
mod error;
mod grad_clip;
mod learner;
mod options;
mod precision;
mod ranks;
mod recommended;
mod session;
mod shards;
mod target;
mod teacher;
#[cfg(test)]
mod test_network;
mod trainer;
mod weighted_sum;

pub use augment::Augmentation;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use checkpoints::{Checkpoints, Found};
pub use classifier::{ClassifierOptions, train_classifier};
pub use consistency::Consistency;
pub use distribution_matching::DistributionMatching;
pub use error::TrainError;
pub use options::{Autoguidance, Fingerprint, Method, Options, OptionsError};
pub use precision::Precision;
#[cfg(feature = "mpi")]
pub use ranks::MpiRanks;
pub use ranks::Ranks;
pub use recommended::{STABLE_TARGETS_VALUES, measure_distances, usual_steps};
pub use session::{Event, Report, Session, SessionError, SessionOptions};
pub use target::stable_from;
pub use trainer::Trainer;
