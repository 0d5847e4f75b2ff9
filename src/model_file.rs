//! One `.safetensors` file is a whole model: its tensors, and a *card* in the metadata.
//!
//! Everything that is wrong with a file is found before memory is allocated for it, and named.

use std::borrow::Cow;
use std::collections::HashMap;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView, View};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::loss::Weighting;
use crate::net::weights::{Array, Weights};
use crate::net::{Architecture, DescriptionError};
use crate::sample::{Settings, SettingsError};

/// What a model is, how it came about and how to sample it: JSON in the file's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The version of this format, [`Card::FORMAT`].
    pub format: u32,
    /// A name for people, such as `mnist`.
    pub name: String,
    /// The network.
    pub architecture: Architecture,
    /// The sampler settings that suit this model.
    pub sampler: Settings,
    /// How it was trained, where this project trained it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// What it was imported from, where this project did not train it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<String>,
    /// The licence of the data it was trained on.
    pub licence: String,
}

/// How a model was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The data set.
    pub data: String,
    /// How many pictures it has.
    pub pictures: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Pictures seen, counting every time.
    pub examples: u64,
    /// The decay of the moving average whose weights these are.
    pub ema_decay: f64,
    /// λ(σ).
    pub weighting: Weighting,
    /// Seconds spent in training steps.
    pub seconds: f64,
    /// Where it ran.
    pub device: String,
    /// Held-out `½ ‖σ s + z‖²` at each of a few σ: (σ, loss).
    pub held_out: Vec<(f32, f32)>,
}

impl Card {
    /// The version that this code reads and writes.
    pub const FORMAT: u32 = 1;
}

/// A model on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What it is.
    pub card: Card,
    /// Its tensors, just those that the architecture asks for.
    pub weights: Weights,
}

/// Why a file is refused.
#[derive(Debug, Error)]
pub enum ModelError {
    /// Larger than any model this is for.
    #[error("the file has {0} bytes; a model has at most {max}", max = ModelFile::MAX_BYTES)]
    TooLarge(usize),
    /// Not a safetensors file, or a damaged one.
    #[error("not a readable .safetensors file ({0}); was the download cut off?")]
    Container(#[from] SafeTensorError),
    /// A safetensors file, but without a card.
    #[error("the file has no `card` in its metadata: it was not written by this project's `train`")]
    NoCard,
    /// The card cannot be read.
    #[error("the model's card cannot be read: {0}")]
    Card(#[from] serde_json::Error),
    /// The card is of another version.
    #[error("the model has format {0}, this program reads format {current}", current = Card::FORMAT)]
    Format(u32),
    /// The card describes an impossible network.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The card recommends an impossible sampler.
    #[error("the model's recommended sampler is impossible: {0}")]
    Sampler(#[from] SettingsError),
    /// A tensor that the network needs is not there.
    #[error("the tensor `{0}` is missing")]
    Missing(String),
    /// A tensor that the network does not have is there.
    #[error("the tensor `{0}` is not part of the network that the card describes")]
    Unexpected(String),
    /// A tensor has another shape than the network needs.
    #[error("the tensor `{name}` has the shape {found:?}, but the network needs {expected:?}")]
    Shape {
        /// Which tensor.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// A tensor is neither f16 nor f32.
    #[error("the tensor `{name}` is of type {found:?}; only F16 and F32 are read")]
    Type {
        /// Which tensor.
        name: String,
        /// Its type in the file.
        found: Dtype,
    },
    /// A tensor holds NaN or infinity.
    #[error("the tensor `{0}` holds values that are not finite: the training diverged")]
    NotFinite(String),
}

impl ModelFile {
    /// A quarter of a gibibyte: far more than any network for small pictures.
    pub const MAX_BYTES: usize = 1 << 28;

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ModelError`] names what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(ModelError::TooLarge(bytes.len()));
        }
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let metadata = metadata.metadata().as_ref();
        let json = metadata.and_then(|m| m.get("card")).ok_or(ModelError::NoCard)?;
        let card = read_card(json)?;

        let file = SafeTensors::deserialize(bytes)?;
        let expected = card.architecture.tensors();
        for (name, shape) in &expected {
            let tensor = file.tensor(name).map_err(|_| ModelError::Missing(name.clone()))?;
            check(name, &tensor, shape)?;
        }
        if let Some(name) = file.names().iter().find(|n| !expected.iter().any(|(e, _)| e == *n)) {
            return Err(ModelError::Unexpected((*name).to_owned()));
        }

        let mut weights = Weights::new();
        for (name, shape) in expected {
            let values = values(&file.tensor(&name)?);
            if !values.iter().all(|value| value.is_finite()) {
                return Err(ModelError::NotFinite(name));
            }
            weights.insert(name, Array { shape, values });
        }
        Ok(Self { card, weights })
    }

    /// The file's bytes, with tensors in f16: half the size, and no difference that one could see.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`] where a value is not finite in f16; otherwise only what the
    /// container itself refuses.
    pub fn write(&self) -> Result<Vec<u8>, ModelError> {
        self.write_as(Dtype::F16, |value| {
            let half = f16::from_f32(value);
            half.is_finite().then_some(half.to_le_bytes())
        })
    }

    /// The file's bytes, with tensors in f32, to the last bit.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_f32(&self) -> Result<Vec<u8>, ModelError> {
        self.write_as(Dtype::F32, |value| value.is_finite().then_some(value.to_le_bytes()))
    }

    fn write_as<const N: usize>(
        &self,
        dtype: Dtype,
        encode: fn(f32) -> Option<[u8; N]>,
    ) -> Result<Vec<u8>, ModelError> {
        let mut tensors = Vec::with_capacity(self.weights.len());
        for (name, array) in &self.weights {
            let values: Option<Vec<_>> = array.values.iter().map(|&value| encode(value)).collect();
            let bytes = values.ok_or_else(|| ModelError::NotFinite(name.clone()))?.concat();
            tensors.push((name, Encoded { dtype, shape: array.shape.clone(), bytes }));
        }
        let card = serde_json::to_string(&self.card)?;
        let metadata = HashMap::from([("card".to_owned(), card)]);
        Ok(safetensors::serialize(tensors, Some(metadata))?)
    }
}

fn read_card(json: &str) -> Result<Card, ModelError> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    // The version first: a card of another version need not have this version's fields.
    let Version { format } = serde_json::from_str(json)?;
    if format != Card::FORMAT {
        return Err(ModelError::Format(format));
    }
    let card: Card = serde_json::from_str(json)?;
    card.architecture.check()?;
    card.sampler.program()?;
    Ok(card)
}

fn check(name: &str, tensor: &TensorView<'_>, expected: &[usize]) -> Result<(), ModelError> {
    let name = || name.to_owned();
    if tensor.shape() != expected {
        let (found, expected) = (tensor.shape().to_vec(), expected.to_vec());
        return Err(ModelError::Shape { name: name(), found, expected });
    }
    match tensor.dtype() {
        Dtype::F16 | Dtype::F32 => Ok(()),
        found => Err(ModelError::Type { name: name(), found }),
    }
}

fn values(tensor: &TensorView<'_>) -> Vec<f32> {
    match tensor.dtype() {
        Dtype::F16 => {
            let halves = tensor.data().as_chunks().0;
            halves.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect()
        }
        _ => tensor.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
    }
}

/// A tensor, ready to be written.
struct Encoded {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Encoded {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
