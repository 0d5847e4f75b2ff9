//! The images that a run trains on, and the classes that the network is conditioned on.

use super::arguments::{Arguments, AugmentationArgs, Labels};
use super::network::Net;
use crate::cli::sizes;
use crate::data::DataSet;
use crate::net::ImageShape;
use crate::train::Augmentation;

impl Arguments {
    /// Loads the images. Refuses them if they are not of the given shape or, without one, if a
    /// new network cannot take theirs.
    ///
    /// # Errors
    /// If there are no usable images; in words for the user.
    pub fn load(&self, shape: Option<ImageShape>) -> anyhow::Result<DataSet> {
        if let Some(shape) = shape {
            return self.images.load_shaped(shape);
        }
        let check =
            sizes::fits(|shape, scale, schedule| self.network.architecture(shape, scale, schedule));
        self.images.load(&|shape| sizes::check_or_suggest(shape, &check))
    }

    /// The names of the classes that a network of this kind is conditioned on; none for an unconditional
    /// one.
    pub fn classes<'a>(&self, data: &'a DataSet, net: Net) -> &'a [String] {
        let labels = self.labels.labels == Labels::Auto && net == Net::Unet;
        if labels && data.train.classes() > 0 { &data.classes } else { &[] }
    }

    /// The changes made to the images before noise is added.
    pub fn augmentation(&self) -> Augmentation {
        let AugmentationArgs { flip, dequantize } = self.augmentation;
        Augmentation { flip, dequantize }
    }
}
