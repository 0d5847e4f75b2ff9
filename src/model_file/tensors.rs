//! The container: named tensors and a card, in one safetensors file.

use std::borrow::Cow;
use std::collections::HashMap;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ModelError, ModelFile};
use crate::net::description::TensorShape;
use crate::net::weights::{Array, Weights};

/// The card under a key of the metadata, if it is of this version.
///
/// # Errors
/// [`ModelError`] names what is wrong.
pub(crate) fn card<C: DeserializeOwned>(
    bytes: &[u8],
    key: &'static str,
    format: u32,
) -> Result<C, ModelError> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    if bytes.len() > ModelFile::MAX_BYTES {
        return Err(ModelError::TooLarge(bytes.len()));
    }
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    let metadata = metadata.metadata().as_ref();
    let json = metadata.and_then(|m| m.get(key)).ok_or(ModelError::NoCard(key))?;
    // The version first: a card of another version need not have this version's fields.
    let version: Version = serde_json::from_str(json)?;
    if version.format != format {
        return Err(ModelError::Format(version.format));
    }
    Ok(serde_json::from_str(json)?)
}

/// The tensors of a file, which must be just these.
///
/// # Errors
/// [`ModelError`] names the tensor and what is wrong with it.
pub(crate) fn read(bytes: &[u8], expected: Vec<TensorShape>) -> Result<Weights, ModelError> {
    let file = SafeTensors::deserialize(bytes)?;
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
    Ok(weights)
}

/// A file of these tensors, in f16 or f32, with a card.
///
/// # Errors
/// [`ModelError::NotFinite`] where a value is not finite in that type; otherwise only what the
/// container itself refuses.
pub(crate) fn write(
    weights: &Weights,
    key: &str,
    card: &impl Serialize,
    dtype: Dtype,
) -> Result<Vec<u8>, ModelError> {
    let mut tensors = Vec::with_capacity(weights.len());
    for (name, array) in weights {
        let bytes = match dtype {
            Dtype::F16 => encode(&array.values, |value| {
                let half = f16::from_f32(value);
                half.is_finite().then_some(half.to_le_bytes())
            }),
            _ => encode(&array.values, |value| value.is_finite().then_some(value.to_le_bytes())),
        };
        let bytes = bytes.ok_or_else(|| ModelError::NotFinite(name.clone()))?;
        tensors.push((name, Encoded { dtype, shape: array.shape.clone(), bytes }));
    }
    let metadata = HashMap::from([(key.to_owned(), serde_json::to_string(card)?)]);
    Ok(safetensors::serialize(tensors, Some(metadata))?)
}

/// A file with the same tensors and another card.
///
/// # Errors
/// Where it is no container.
pub(crate) fn with_card(
    bytes: &[u8],
    key: &str,
    card: &impl Serialize,
) -> Result<Vec<u8>, ModelError> {
    let file = SafeTensors::deserialize(bytes)?;
    let metadata = HashMap::from([(key.to_owned(), serde_json::to_string(card)?)]);
    Ok(safetensors::serialize(file.tensors(), Some(metadata))?)
}

fn encode<const N: usize>(values: &[f32], one: fn(f32) -> Option<[u8; N]>) -> Option<Vec<u8>> {
    let all: Option<Vec<_>> = values.iter().map(|&value| one(value)).collect();
    Some(all?.concat())
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
