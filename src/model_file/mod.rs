//! One `.safetensors` file is a whole model: its tensors, and a *card* in the metadata.
//!
//! Sizes and shapes are checked before memory is allocated, and every error names what is wrong.

mod container;
mod json;
pub(crate) mod tensors;
pub(crate) mod write;

pub(crate) use container::Container;
pub use container::ContainerError;
pub use json::JsonError;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::loss::Weighting;
use crate::net::weights::Weights;
use crate::net::{Architecture, DescriptionError};
use crate::noise::Ladder;
use crate::sample::{Settings, SettingsError};

/// What a model is, where it comes from and how to sample it: JSON in the file's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The version of this format, [`Card::FORMAT`].
    pub format: u32,
    /// A name for display, such as `mnist`.
    pub name: String,
    /// The network.
    pub architecture: Architecture,
    /// The sampler settings that suit this model.
    pub sampler: Settings,
    /// How it was trained, if this project trained it. Like the quality it is not parsed in the
    /// browser: the page shows the card's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_family = "wasm", serde(skip_deserializing))]
    pub training: Option<Training>,
    /// What it was imported from, if this project did not train it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<String>,
    /// The sampler settings that made the best pictures, if that was measured; `sampler` then made
    /// nearly as good ones with the fewest evaluations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Settings>,
    /// How good its samples are, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_family = "wasm", serde(skip_deserializing))]
    pub quality: Option<Quality>,
    /// The licence of the data it was trained on.
    pub licence: String,
}

/// How good samples are, as `ncsn eval` measured it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The number of samples.
    pub n: usize,
    /// Network evaluations per sample.
    pub nfe: usize,
    /// How they were sampled.
    pub sampler: Settings,
    /// The seed.
    pub seed: u64,
    /// Fréchet's distance to held-out pictures, in the features of a classifier of the data.
    pub frechet: f64,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frechet_error: Option<f64>,
    /// The same distance for as many training pictures.
    pub floor: f64,
    /// The share of samples that lie among held-out pictures.
    pub precision: f64,
    /// The share of held-out pictures that lie among samples.
    pub recall: f64,
    /// The share of held-out pictures that the classifier gets right.
    pub classifier_accuracy: f64,
}

/// How a model was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The data set.
    pub data: String,
    /// The number of its pictures.
    pub pictures: usize,
    /// CRC-32 of their pixels, which identifies them under another name; `None` in older cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<u32>,
    /// Whether every second picture was mirrored, which makes the learned density symmetric.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flip: bool,
    /// The smallest σ with stable targets (Xu et al. 2023), if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_targets: Option<f32>,
    /// The model whose weights it began with, if it did not begin with drawn ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Set if it learned that model's score, guided away from a worse model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoguidance: Option<Autoguided>,
    /// Optimiser steps since the beginning, without those of `from`.
    pub steps: u64,
    /// Pictures seen, counting repetitions.
    pub examples: u64,
    /// The largest and the smallest noise level that it was trained for, if recorded: samplers may
    /// keep within them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigmas: Option<(f32, f32)>,
    /// The decay of the moving average that gave these weights.
    pub ema_decay: f64,
    /// λ(σ).
    pub weighting: Weighting,
    /// Seconds spent in training steps.
    pub seconds: f64,
    /// The device it ran on.
    pub device: String,
    /// Held-out `½ ‖σ s + z‖²` at each of a few σ: (σ, loss).
    pub held_out: Vec<(f32, f32)>,
}

/// Autoguidance that a network has learned: its score is that of a sharper density than the
/// pictures'.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoguided {
    /// The worse model it leads away from, in words.
    pub away_from: String,
    /// w, as in [`Strength`](crate::sample::Strength), whose fields are written out here for the
    /// same reason as those of [`Settings`].
    pub weight: f32,
    /// The smallest and the largest σ at which it guides.
    pub sigmas: [f32; 2],
}

impl Card {
    /// The version that this code reads and writes.
    pub const FORMAT: u32 = 1;
    pub(crate) const KEY: &str = "card";

    /// The network's own noise levels, or else [`Settings::LEVELS`] levels between the ends that it
    /// was trained for or, if those are not recorded, between those of its recommended sampler.
    pub fn ladder(&self) -> Ladder {
        let Ladder { sigma_max, sigma_min, .. } = self.sampler.ladder;
        let trained = self.training.as_ref().and_then(|training| training.sigmas);
        let (sigma_max, sigma_min) = trained.unwrap_or((sigma_max, sigma_min));
        let between = Ladder { sigma_max, sigma_min, levels: Settings::LEVELS };
        self.architecture.ladder().unwrap_or(between)
    }
}

/// A model on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// The card.
    pub card: Card,
    /// Its tensors: exactly those of the architecture.
    pub weights: Weights,
}

/// Why a file is refused.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The file is larger than any model this is for.
    #[error("the file has {0} bytes; a model has at most {max}", max = ModelFile::MAX_BYTES)]
    TooLarge(usize),
    /// It is not a safetensors file, or a damaged one.
    #[error("not a readable .safetensors file ({0}); was the download cut off?")]
    Container(#[from] ContainerError),
    /// It is a safetensors file, but without a card.
    #[error("the file has no `{0}` in its metadata: it is not what this project's `train` writes")]
    NoCard(&'static str),
    /// The card cannot be read.
    #[error("the model's card cannot be read: {0}")]
    Card(#[from] JsonError),
    /// The card has another version.
    #[error("the model has format {0}, this program reads format {current}", current = Card::FORMAT)]
    Format(u32),
    /// The card describes an invalid network.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// A classifier's card does not describe what it was trained for.
    #[error("the classifier's card is impossible: {0}")]
    Classifier(&'static str),
    /// The card recommends an invalid sampler.
    #[error("the model's recommended sampler is impossible: {0}")]
    Sampler(#[from] SettingsError),
    /// A tensor that the network needs is missing.
    #[error("the tensor `{0}` is missing")]
    Missing(String),
    /// The network does not have this tensor.
    #[error("the tensor `{0}` is not part of the network that the card describes")]
    Unexpected(String),
    /// A tensor has another shape than the network needs.
    #[error("the tensor `{name}` has the shape {found:?}, but the network needs {expected:?}")]
    Shape {
        /// The tensor's name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// A tensor is neither f16 nor f32.
    #[error("the tensor `{name}` is of type {found}; only F16 and F32 are read")]
    Type {
        /// The tensor's name.
        name: String,
        /// Its type in the file.
        found: String,
    },
    /// A tensor holds NaN or infinity.
    #[error("the tensor `{0}` holds values that are not finite: the training diverged")]
    NotFinite(String),
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    Write(String),
}

impl ModelFile {
    /// A quarter of a gibibyte: far more than any network for small pictures.
    pub const MAX_BYTES: usize = 1 << 28;

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ModelError`] names what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::of(&Container::read(bytes)?)
    }

    pub(crate) fn of(container: &Container<'_>) -> Result<Self, ModelError> {
        let card: Card = container.card(Card::KEY, Card::FORMAT)?;
        card.architecture.check()?;
        card.sampler.program()?;
        card.best.map(|best| best.program()).transpose()?;
        card.ladder().check().map_err(SettingsError::from)?;
        let weights = tensors::read(container, card.architecture.tensors())?;
        Ok(Self { card, weights })
    }

    /// The same file with another card: its tensors stay as they are, to the last bit.
    ///
    /// # Errors
    /// [`ModelError::Container`] if it is not a safetensors file. Neither the tensors nor the old
    /// card are checked.
    pub fn with_card(bytes: &[u8], card: &Card) -> Result<Vec<u8>, ModelError> {
        write::with_card(bytes, Card::KEY, card)
    }

    /// The file's bytes, with tensors in f16: half the size, and no visible difference.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`] if a value is not finite in f16, [`ModelError::TooLarge`] if the
    /// file would be too large to read; otherwise [`ModelError::Write`].
    pub fn write(&self) -> Result<Vec<u8>, ModelError> {
        write::tensors(&self.weights, Card::KEY, &self.card, Dtype::F16)
    }

    /// The file's bytes, with tensors in f32, to the last bit.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_f32(&self) -> Result<Vec<u8>, ModelError> {
        write::tensors(&self.weights, Card::KEY, &self.card, Dtype::F32)
    }
}
