//! Noise-conditional classifiers p(y | x̃, σ), small ones. `∇ log p(y | x̃, σ)` guides chains towards
//! a class ([`ClassGuide`]), and the features of one that was trained without noise are
//! the eye with which samples are judged ([`crate::eval`]).

mod accuracy;
mod description;
mod file;
mod guide;
mod network;

pub use accuracy::accuracy;
pub use description::ClassifierDescription;
pub use file::{ClassifierCard, ClassifierFile};
pub use guide::ClassGuide;
pub use network::Classifier;
