//! The trainer: denoising score matching with Adam, a moving average of the weights, and
//! checkpoints from which training goes on to the very same weights.

mod augment;
mod average;
mod batch;
mod checkpoint;
mod clip;
mod options;
mod trainer;

pub use augment::Augmentation;
pub use checkpoint::{Checkpoint, CheckpointError, write_atomically};
pub use options::{Options, OptionsError};
pub use trainer::{TrainError, Trainer};
