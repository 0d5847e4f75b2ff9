//! Densities whose score is known exactly, to test samplers and losses against, and a small network
//! that learns one from points.

mod exact;
mod factor;
mod gaussian_mixture;
mod learned;
mod step_table;
pub mod two_modes;

pub use exact::ExactDensity;
pub use factor::FactorGaussian;
pub use gaussian_mixture::{Component, GaussianMixture};
pub use learned::LearnedScore;
pub use step_table::step_table_on;
