//! A classifier as a `.safetensors` file, with a card of its own.

use burn::tensor::Device;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use super::{Classifier, ClassifierDescription};
use crate::model_file::container::{CardKind, Cards};
use crate::model_file::{Container, ModelError, tensors, write};
use crate::net::weights::{self, Weights};

/// What a classifier is and how good it is, as JSON in the file's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierCard {
    /// The version of this format, [`ClassifierCard::FORMAT`].
    pub format: u32,
    /// The data set.
    pub data: String,
    /// The network.
    pub description: ClassifierDescription,
    /// The names of the classes, by label.
    pub classes: Vec<String>,
    /// The smallest noise level it was trained at.
    pub sigma_min: f32,
    /// The largest noise level; equal to the smallest if it was trained without noise.
    pub sigma_max: f32,
    /// The share of held-out images, without noise, that it classifies correctly.
    pub accuracy: f64,
}

impl ClassifierCard {
    /// The version that this code reads and writes.
    pub const FORMAT: u32 = 1;
}

impl CardKind for ClassifierCard {
    const KEY: &'static str = "classifier";
    const FORMAT: u32 = Self::FORMAT;
    const WHAT: &'static str = "classifier";

    fn of(cards: &Cards) -> Option<&str> {
        cards.classifier.as_deref()
    }
}

/// A classifier on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassifierFile {
    /// Its card.
    pub card: ClassifierCard,
    /// Its tensors.
    pub weights: Weights,
}

impl ClassifierFile {
    /// A classifier with its card.
    pub fn new(card: ClassifierCard, classifier: &Classifier) -> Self {
        Self { card, weights: weights::collect(classifier) }
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ModelError`] names what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let container = Container::read(bytes)?;
        let card: ClassifierCard = container.card()?;
        if card.classes.len() != card.description.classes {
            return Err(ModelError::Classifier("it has other classes than names of classes"));
        }
        // The network is given ln σ.
        let has_levels = card.sigma_min > 0.0 && card.sigma_min <= card.sigma_max;
        if !has_levels || !card.sigma_max.is_finite() {
            return Err(ModelError::Classifier("its noise levels must be positive and in order"));
        }
        card.description.check()?;
        if card.description.weights() > bytes.len() as u64 {
            return Err(ModelError::Classifier("its sizes ask for more weights than it has"));
        }
        // The module itself tells what it expects: a classifier is small, so this costs little.
        let module = Classifier::new(&card.description, &Device::flex())?;
        let expected = weights::collect(&module).into_iter();
        let expected = expected.map(|(name, array)| (name, array.shape)).collect();
        let weights = tensors::read(&container, expected)?;
        Ok(Self { card, weights })
    }

    /// The file's bytes, in f32.
    ///
    /// # Errors
    /// If a value is not finite.
    pub fn write(&self) -> Result<Vec<u8>, ModelError> {
        write::tensors(&self.weights, &self.card, Dtype::F32)
    }

    /// The CRC-32C of the weights, which identifies the classifier.
    pub fn checksum(&self) -> u32 {
        weights::checksum(&self.weights)
    }

    /// The classifier on a device.
    ///
    /// # Errors
    /// [`ModelError::Description`] if the sizes do not fit together.
    pub fn network(&self, device: &Device) -> Result<Classifier, ModelError> {
        let module = Classifier::new(&self.card.description, device)?;
        Ok(weights::apply(module, self.weights.clone(), device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{ImageShape, Preconditioning};

    #[test]
    fn what_a_file_claims_is_checked_before_there_is_memory_for_it() {
        let mut file = classifier();
        let refused = |file: &ClassifierFile| {
            let bytes = file.write().expect("finite");
            ClassifierFile::read(&bytes).expect_err("must be refused").to_string()
        };
        file.card.sigma_min = 0.0;
        assert!(refused(&file).contains("noise levels"));
        file.card.sigma_min = 0.01;
        let sound = file.card.description.clone();
        file.card.description = ClassifierDescription { embedding: 4096, ..sound.clone() };
        assert!(refused(&file).contains("more weights"));
        file.card.description = ClassifierDescription {
            image_shape: ImageShape { channels: 1, height: 4096, width: 4096 },
            patch: 1,
            widths: vec![4096],
            pools: vec![false],
            features: 4096,
            ..sound
        };
        assert!(refused(&file).contains("more weights"));
    }

    #[test]
    fn what_cannot_be_read_is_called_a_classifier() {
        let mut file = classifier();
        file.card.format = 2;
        let error = ClassifierFile::read(&file.write().expect("finite")).expect_err("newer");
        let said = error.to_string();
        assert_eq!(said, "the classifier has format 2, this program reads format 1");
    }

    #[test]
    fn a_checksum_is_that_of_the_weights_and_of_nothing_else() {
        let file = classifier();
        let mut read = ClassifierFile::read(&file.write().expect("finite")).expect("its own");
        read.card.accuracy = 0.6;
        assert_eq!(read.checksum(), file.checksum());
        let array = read.weights.values_mut().next().expect("it has weights");
        array.values[0] += 1e-6;
        assert_ne!(read.checksum(), file.checksum());
    }

    fn classifier() -> ClassifierFile {
        let image_shape = ImageShape { channels: 1, height: 8, width: 8 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.3 };
        let description = ClassifierDescription::new(image_shape, 2, scale);
        let classifier = Classifier::new(&description, &Device::flex()).expect("possible");
        let card = ClassifierCard {
            format: ClassifierCard::FORMAT,
            data: "bars".into(),
            description,
            classes: vec!["lying".into(), "standing".into()],
            sigma_min: 0.01,
            sigma_max: 0.01,
            accuracy: 0.5,
        };
        ClassifierFile::new(card, &classifier)
    }
}
