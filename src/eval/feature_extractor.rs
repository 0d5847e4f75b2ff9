//! What computes the features of images: a classifier trained on the data for this purpose, or a
//! network from elsewhere.

use burn::tensor::Device;
use burn::tensor::activation::softmax;

use super::{FeatureNetwork, FeatureNetworkError, Points};
use crate::classifier::{Classifier, ClassifierFile};
use crate::model_file::ModelError;
use crate::net::{ImageShape, burn_layers};

/// The features of N images, and their classes.
#[derive(Clone, Debug)]
pub struct Features {
    /// The features of each image, N × F.
    pub features: Points,
    /// The probability of each class, N × K; empty without a classifier.
    pub probabilities: Vec<f32>,
}

/// What computes the features of images, and their classes.
#[derive(Debug)]
pub enum FeatureExtractor {
    /// A classifier of the data, which computes both.
    Classifier(ClassifierFeatures),
    /// A network from elsewhere, and for data with classes a classifier of these.
    Network {
        /// The network.
        network: Box<FeatureNetwork>,
        /// The shape of the images.
        image_shape: ImageShape,
        /// The classifier.
        classifier: Option<ClassifierFeatures>,
    },
}

impl FeatureExtractor {
    /// The features and classes of images, N × C × H × W with values in \[0, 1\].
    ///
    /// # Errors
    /// [`FeatureNetworkError`] if a network from elsewhere cannot run.
    pub fn features(&self, pixels: &[f32]) -> Result<Features, FeatureNetworkError> {
        match self {
            Self::Classifier(classifier) => Ok(classifier.features(pixels)),
            Self::Network { network, image_shape, classifier } => Ok(Features {
                features: network.features(pixels, *image_shape)?,
                probabilities: match classifier {
                    Some(classifier) => classifier.features(pixels).probabilities,
                    None => Vec::new(),
                },
            }),
        }
    }

    /// The number of classes; `None` without a classifier.
    pub fn classes(&self) -> Option<usize> {
        match self {
            Self::Classifier(classifier) => Some(classifier.classes),
            Self::Network { classifier, .. } => classifier.as_ref().map(|it| it.classes),
        }
    }
}

/// A classifier on a device, for images without noise.
#[derive(Debug)]
pub struct ClassifierFeatures {
    classifier: Classifier,
    image_shape: ImageShape,
    sigma: f32,
    device: Device,
    classes: usize,
}

impl ClassifierFeatures {
    /// A trained classifier on a device.
    ///
    /// # Errors
    /// [`ModelError::Description`] if its sizes do not fit together.
    pub fn new(file: &ClassifierFile, device: &Device) -> Result<Self, ModelError> {
        let description = &file.card.description;
        Ok(Self {
            classifier: file.network(device)?,
            image_shape: description.image_shape,
            sigma: file.card.sigma_min,
            device: device.clone(),
            classes: description.classes,
        })
    }

    /// The features and classes of images, N × C × H × W with values in \[0, 1\].
    pub fn features(&self, pixels: &[f32]) -> Features {
        const BATCH: usize = 500;
        let mut features = Points { dimension: 1, values: Vec::new() };
        let mut probabilities = Vec::new();
        for pixels in pixels.chunks(BATCH * self.image_shape.dimension()) {
            let x = burn_layers::images(pixels.to_vec(), self.image_shape, &self.device);
            let embedded = self.classifier.features(x, &[self.sigma]);
            features.dimension = embedded.dims()[1];
            let probability = softmax(self.classifier.logits(embedded.clone()), 1);
            features.values.extend(embedded.into_data().iter::<f32>());
            probabilities.extend(probability.into_data().iter::<f32>());
        }
        Features { features, probabilities }
    }
}
