//! The eye that judges samples: a classifier trained on the data for this purpose.

use std::borrow::Cow;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::Points;
use crate::classifier::{Classifier, ClassifierFile};
use crate::data::{Images, evenly_spaced};
use crate::model_file::ModelError;
use crate::net::ImageShape;

/// What the classifier has learned to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// The classes that the data came with.
    Classes,
    /// Rotations of an image by quarter turns, for data without classes (Gidaris et al. 2018,
    /// *Unsupervised Representation Learning by Predicting Image Rotations*).
    Turns,
}

impl Task {
    /// The task for these images; `None` if they have neither classes nor equal sides.
    pub fn of(images: &Images) -> Option<Self> {
        match &images.labels {
            Some(_) => Some(Self::Classes),
            None => (images.shape.height == images.shape.width).then_some(Self::Turns),
        }
    }

    /// The images with the labels of this task. At most 100,000 rotated ones are made.
    pub fn labelled(self, images: &Images) -> Cow<'_, Images> {
        const TURNED: usize = 100_000;
        if self == Self::Classes {
            return Cow::Borrowed(images);
        }
        let mut turned = Images::new(images.shape, Vec::new());
        let mut labels = Vec::new();
        for index in evenly_spaced(images.len(), TURNED / 4) {
            let mut image = images.image(index).to_vec();
            for quarters in 0..4 {
                turned.bytes.extend_from_slice(&image);
                labels.push(quarters);
                image = turn(&image, images.shape.width);
            }
        }
        turned.labels = Some(labels);
        Cow::Owned(turned)
    }
}

/// Rotates square planes by a quarter turn.
fn turn(planes: &[u8], side: usize) -> Vec<u8> {
    let plane = |plane: &[u8]| -> Vec<u8> {
        let pixel = |at: usize| plane[at % side * side + side - 1 - at / side];
        (0..side * side).map(pixel).collect()
    };
    planes.chunks_exact(side * side).flat_map(plane).collect()
}

/// What the classifier sees in some images.
#[derive(Clone, Debug)]
pub struct Features {
    /// The features of each image.
    pub features: Points,
    /// The probability of each class, N × K.
    pub probabilities: Vec<f32>,
}

/// A classifier on a device, for images without noise.
#[derive(Debug)]
pub struct FeatureExtractor {
    classifier: Classifier,
    image_shape: ImageShape,
    sigma: f32,
    device: Device,
    /// The number of classes.
    pub classes: usize,
}

impl FeatureExtractor {
    /// The eye of a trained classifier.
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

    /// Looks at images, one after another, with values in \[0, 1\].
    pub fn look(&self, pixels: &[f32]) -> Features {
        const BATCH: usize = 500;
        let ImageShape { channels, height, width } = self.image_shape;
        let mut features = Points { dimension: 1, values: Vec::new() };
        let mut probabilities = Vec::new();
        for pixels in pixels.chunks(BATCH * self.image_shape.dimension()) {
            let shape = [pixels.len() / self.image_shape.dimension(), channels, height, width];
            let x = Tensor::from_data(TensorData::new(pixels.to_vec(), shape), &self.device);
            let seen = self.classifier.features(x, &[self.sigma]);
            features.dimension = seen.dims()[1];
            let told = softmax(self.classifier.logits(seen.clone()), 1);
            features.values.extend(seen.into_data().iter::<f32>());
            probabilities.extend(told.into_data().iter::<f32>());
        }
        Features { features, probabilities }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_quarters_are_a_whole_turn() {
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(turn(&image, 3), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
        let shape = ImageShape { channels: 1, height: 3, width: 3 };
        let images = Images::new(shape, image.to_vec());
        let turned = Task::Turns.labelled(&images);
        assert_eq!(turned.labels, Some(vec![0, 1, 2, 3]));
        assert_eq!(turn(turned.image(3), 3), image);
    }
}
