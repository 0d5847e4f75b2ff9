//! How good samples are, measured against images that were never trained on.
//!
//! Every measure is reported beside its *floor*: its value for as many training images.
//! Distances, precision and recall use the features of a classifier of the very data ([`FeatureExtractor`]).
//! They are only comparable if classifier and reference are the same. In particular, the distance
//! is Fréchet's, but not the FID of Inception's features.

mod feature_extractor;
mod frechet;
mod histogram;
mod manifold;
mod mmd;
mod nearest;
mod points;
mod report;
mod sliced;

pub use feature_extractor::{FeatureExtractor, Features, Task};
pub use frechet::{Gaussian, frechet_distance, frechet_error};
pub use manifold::{FEWEST, radii, share_within};
pub use mmd::{Mmd, mmd};
pub use nearest::{Nearest, nearest};
pub use points::Points;
pub use report::{Measured, NearestQuantiles, Reference};
pub use sliced::sliced_wasserstein;
