//! Small noise-conditional classifiers p(y | x̃, σ). `∇ log p(y | x̃, σ)` guides chains toward a
//! class ([`ClassGuide`]). The features of a classifier trained without noise serve to judge
//! samples ([`crate::eval`]).

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
