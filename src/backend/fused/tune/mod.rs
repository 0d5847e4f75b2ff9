//! Measures a GPU: which kernels compute the right thing, which tiles are the fastest, and how long
//! each launch takes.

mod best;
#[cfg(feature = "training")]
mod known_step;
mod profile;
pub(super) mod self_test;
#[cfg(feature = "training")]
mod training_test;
mod tuner;

pub use best::best_kernel_config;
pub use profile::{Timed, profile};
#[cfg(feature = "training")]
pub use training_test::{check_training, check_training_with, training_test_texts};
pub use tuner::Tuner;
