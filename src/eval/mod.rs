//! How good samples are, measured against images that were never trained on.
//!
//! Every measure is reported beside its value for as many training images, *real-vs-real*.
//! Distances, precision and recall use the features of a classifier of the very data, or of a
//! network from elsewhere ([`FeatureExtractor`]). They are only comparable if network and reference
//! are the same. In particular, the distance is FID only in the features of Inception.

mod conditional;
mod defects;
mod feature_extractor;
mod feature_network;
mod frechet;
mod histogram;
mod manifold;
mod mmd;
mod nearest;
mod points;
mod report;
mod sliced;
mod task;

pub use conditional::{Conditional, class_accuracy, frechet_of_classes, mean_over_classes};
pub use feature_extractor::{ClassifierFeatures, FeatureExtractor, Features};
pub use feature_network::{
    Channels, FeatureNetwork, FeatureNetworkError, Layout, Preprocessing, Resize,
};
pub use frechet::{Gaussian, frechet_distance, frechet_error};
pub use manifold::{MIN_SAMPLES, radii, share_within};
pub use mmd::{Mmd, mmd};
pub use nearest::{Nearest, nearest};
pub use points::Points;
pub use report::{Measured, NearestQuantiles, Reference};
pub use sliced::sliced_wasserstein;
pub use task::Task;
