//! All measures of a set of images at once.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::conditional::{Conditional, class_accuracy, frechet_of_classes, mean_over_classes};
use super::frechet::{Gaussian, frechet_distance, frechet_error};
use super::histogram;
use super::manifold::{radii, share_within};
use super::mmd::{Mmd, mmd};
use super::nearest::{Nearest, nearest};
use super::{FeatureExtractor, FeatureNetworkError, Features, Points};
use crate::data::Images;
use crate::pixel::values;

/// The measures of a set of images, compared with held-out ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The number of images.
    pub n: usize,
    /// The Fréchet distance of features.
    pub frechet: f64,
    /// The standard error of `frechet`, over seeds.
    pub frechet_error: f64,
    /// KID's estimate of the squared kernel distance.
    pub mmd: Mmd,
    /// The share of these images that lie among the held-out ones.
    pub precision: f64,
    /// The share of held-out images that lie among these.
    pub recall: f64,
    /// The share of images for which the classifier is at least 90 % confident; `None` without a
    /// classifier.
    #[serde(rename = "sure")]
    pub confident: Option<f64>,
    /// The share of each class; none without a classifier.
    pub classes: Vec<f64>,
    /// What is measured of images that were asked to be of given classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditional: Option<Conditional>,
}

/// Quantiles of distances to the nearest training image: 1, 5, 25, 50, 75 and 95 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestQuantiles {
    /// The number of images compared.
    pub n: usize,
    /// The quantiles.
    pub quantiles: [f64; 6],
}

impl NearestQuantiles {
    /// The shares that the quantiles stand for.
    pub const AT: [f64; 6] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95];

    /// The quantiles of some neighbors' distances.
    pub fn of(neighbors: &[Nearest]) -> Self {
        let mut distances: Vec<f32> = neighbors.iter().map(|near| near.distance).collect();
        distances.sort_unstable_by(f32::total_cmp);
        let last = distances.len().saturating_sub(1) as f64;
        let at = |share: f64| distances.get((share * last).round() as usize);
        let quantiles = Self::AT.map(|share| at(share).map_or(f64::NAN, |&d| f64::from(d)));
        Self { n: distances.len(), quantiles }
    }
}

/// Held-out images to compare with, and training images to search for nearest ones.
#[derive(Debug)]
pub struct Reference<'a> {
    extractor: &'a FeatureExtractor,
    train: &'a Images,
    held_out: &'a Images,
    test: Features,
    gaussian: Gaussian,
    radii: Vec<f32>,
    device: Device,
}

impl<'a> Reference<'a> {
    /// Computes the features of the held-out images.
    ///
    /// # Errors
    /// As [`FeatureExtractor::features`].
    ///
    /// # Panics
    /// If there are no held-out images, or the device fails.
    pub fn new(
        extractor: &'a FeatureExtractor,
        train: &'a Images,
        held_out: &'a Images,
        device: &Device,
    ) -> Result<Self, FeatureNetworkError> {
        let test = extractor.features(&values(&held_out.bytes))?;
        Ok(Self {
            extractor,
            train,
            held_out,
            gaussian: Gaussian::of(&test.features),
            radii: radii(&test.features, device),
            test,
            device: device.clone(),
        })
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.test.features.dimension
    }

    /// Measures images, N × C × H × W with values in \[0, 1\]. `asked` has the label of the
    /// class that each was asked to show, for [`Measured::conditional`], which is `None` without
    /// labels, without a classifier, and if the held-out images have no classes. The images must be in
    /// random order, as [`frechet_error`] needs them.
    ///
    /// # Errors
    /// As [`FeatureExtractor::features`].
    ///
    /// # Panics
    /// If there are fewer than two images, not as many labels as images, or the device fails.
    pub fn measure(
        &self,
        pixels: &[f32],
        asked: Option<&[u8]>,
    ) -> Result<Measured, FeatureNetworkError> {
        Ok(self.measured(&self.extractor.features(pixels)?, asked))
    }

    fn measured(&self, images: &Features, asked: Option<&[u8]>) -> Measured {
        let Self { extractor, test, device, .. } = self;
        let (features, probabilities) = (&images.features, &images.probabilities);
        let own_radii = radii(features, device);
        let classes = extractor.classes();
        Measured {
            n: features.len(),
            frechet: frechet_distance(&Gaussian::of(features), &self.gaussian),
            frechet_error: frechet_error(features, &self.gaussian),
            mmd: mmd(features, &test.features, device),
            precision: share_within(features, &test.features, &self.radii, device),
            recall: share_within(&test.features, features, &own_radii, device),
            confident: classes.map(|classes| histogram::confident(probabilities, classes)),
            classes: classes.map_or(Vec::new(), |count| histogram::shares(probabilities, count)),
            conditional: asked.and_then(|asked| self.conditional(images, asked)),
        }
    }

    fn conditional(&self, images: &Features, asked: &[u8]) -> Option<Conditional> {
        let (classes, labels) = (self.extractor.classes()?, self.held_out.labels.as_deref()?);
        let both = [&images.features, &self.test.features];
        let frechet_of_class = frechet_of_classes(both, [asked, labels], classes);
        Some(Conditional {
            class_accuracy: class_accuracy(&images.probabilities, classes, asked),
            frechet_within: mean_over_classes(&frechet_of_class),
            frechet_of_class,
        })
    }

    /// The measures of `n` training images, of which there must be at least `n`: what a model
    /// that samples the true density would reach, since distances fall with the number of images.
    /// (A classifier of the data was trained on these images; if they are few, this makes them look
    /// a little further from held-out ones than they are.)
    ///
    /// # Errors
    /// As [`FeatureExtractor::features`].
    pub fn real(&self, n: usize) -> Result<Measured, FeatureNetworkError> {
        let some = self.train.some(n);
        Ok(self.measured(&self.extractor.features(&values(&some.bytes))?, some.labels.as_deref()))
    }

    /// The share of each class among the held-out images; none without a classifier.
    pub fn classes(&self) -> Vec<f64> {
        let classes = self.extractor.classes();
        classes.map_or(Vec::new(), |count| histogram::shares(&self.test.probabilities, count))
    }

    /// The training image nearest to each of the given ones, N × C × H × W with values in
    /// \[0, 1\], by the Euclidean distance of their pixels.
    ///
    /// # Panics
    /// If there are no training images, or the device fails.
    pub fn nearest(&self, pixels: &[f32]) -> Vec<Nearest> {
        let points = |values| Points { dimension: self.train.shape.dimension(), values };
        nearest(&points(pixels.to_vec()), &points(values(&self.train.bytes)), &self.device)
    }
}
