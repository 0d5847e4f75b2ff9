//! One `.safetensors` file is a whole model: its tensors, and a *card* in the metadata.
//!
//! Sizes and shapes are checked before memory is allocated, and every error names what is wrong.

mod card;
pub(crate) mod container;
mod container_error;
mod error;
mod json;
mod size;
pub(crate) mod tensors;
pub(crate) mod write;

pub use card::{Autoguided, Card, Class, FeatureSource, Quality, TrainingRecord};
pub(crate) use container::Container;
pub use container_error::ContainerError;
pub use error::ModelError;
pub use json::JsonError;
use safetensors::tensor::Dtype;

use crate::net::weights::Weights;
use crate::sample::SettingsError;

/// A model on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// The card.
    pub card: Card,
    /// Its tensors: exactly those of the architecture.
    pub weights: Weights,
}

impl ModelFile {
    /// A quarter of a gibibyte: far more than any network for small images.
    pub const MAX_BYTES: usize = size::MAX_BYTES;

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ModelError`] names what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::of(&Container::read(bytes)?)
    }

    pub(crate) fn of(container: &Container<'_>) -> Result<Self, ModelError> {
        let card: Card = container.card()?;
        card.architecture.check()?;
        check_classes(&card)?;
        card.sampler.step_table()?;
        if !(0.0..=1.0).contains(&card.start_mean()) {
            return Err(ModelError::Mean(card.start_mean()));
        }
        card.best.map(|best| best.step_table()).transpose()?;
        card.schedule().check().map_err(SettingsError::from)?;
        let weights = tensors::read(container, card.architecture.tensors())?;
        Ok(Self { card, weights })
    }

    /// The same file with another card: its tensors stay as they are, to the last bit.
    ///
    /// # Errors
    /// [`ModelError::Container`] if it is not a safetensors file, [`ModelError::TooLarge`] if the
    /// new one could not be read, [`ModelError::Write`] if the new card could not. Neither the
    /// tensors nor the old card are checked.
    pub fn with_card(bytes: &[u8], card: &Card) -> Result<Vec<u8>, ModelError> {
        write::with_card(bytes, card)
    }

    /// The file's bytes, with tensors in f16: half the size, and no visible difference.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`] if a value is not finite, [`ModelError::BeyondF16`] if it is not
    /// in f16, [`ModelError::TooLarge`] if the file would be too large to read; otherwise
    /// [`ModelError::Write`].
    pub fn write(&self) -> Result<Vec<u8>, ModelError> {
        write::tensors(&self.weights, &self.card, Dtype::F16)
    }

    /// The file's bytes, with tensors in f32, to the last bit.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_f32(&self) -> Result<Vec<u8>, ModelError> {
        write::tensors(&self.weights, &self.card, Dtype::F32)
    }
}

/// Checks that a card lists as many classes as the network has.
///
/// # Errors
/// [`ModelError::Classes`] if it does not.
fn check_classes(card: &Card) -> Result<(), ModelError> {
    let (named, embedded) = (card.classes.len(), card.architecture.classes());
    if named == embedded { Ok(()) } else { Err(ModelError::Classes { named, embedded }) }
}
