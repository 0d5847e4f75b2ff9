//! Writes the safetensors format, with the crate of that name.

use std::borrow::Cow;
use std::collections::HashMap;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::Serialize;

use super::container::Container;
use super::error::ModelError;
use super::size::MAX_BYTES;
use crate::net::weights::Weights;
use crate::words::one_line;

/// A file of these tensors, in f16 or f32, with a card.
///
/// # Errors
/// [`ModelError::NotFinite`] if a value is not finite, [`ModelError::BeyondF16`] if it is not in
/// f16, [`ModelError::TooLarge`] if the file would be too large to read; otherwise
/// [`ModelError::Write`].
pub(crate) fn tensors(
    weights: &Weights,
    key: &str,
    card: &impl Serialize,
    dtype: Dtype,
) -> Result<Vec<u8>, ModelError> {
    let mut tensors = Vec::with_capacity(weights.len());
    for (name, array) in weights {
        if !array.values.iter().all(|value| value.is_finite()) {
            return Err(ModelError::NotFinite(name.clone()));
        }
        let bytes = match dtype {
            Dtype::F16 => {
                let halves = array.values.iter().map(|&value| match f16::from_f32(value) {
                    half if half.is_finite() => Ok(half.to_le_bytes()),
                    _ => Err(ModelError::BeyondF16 { name: name.clone(), value }),
                });
                halves.collect::<Result<Vec<_>, _>>()?.concat()
            }
            _ => array.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        tensors.push((name, Encoded { dtype, shape: array.shape.clone(), bytes }));
    }
    let metadata = HashMap::from([(key.to_owned(), serde_json::to_string(card).map_err(refused)?)]);
    let file = safetensors::serialize(tensors, Some(metadata)).map_err(refused)?;
    readable(file)
}

/// A file with the same tensors and another card.
///
/// # Errors
/// [`ModelError::Container`] if it is not a safetensors file, [`ModelError::TooLarge`] if the new
/// one would be too large to read.
pub(crate) fn with_card(
    bytes: &[u8],
    key: &str,
    card: &impl Serialize,
) -> Result<Vec<u8>, ModelError> {
    Container::read(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(refused)?;
    let metadata = HashMap::from([(key.to_owned(), serde_json::to_string(card).map_err(refused)?)]);
    let file = safetensors::serialize(file.tensors(), Some(metadata)).map_err(refused)?;
    readable(file)
}

/// The file, if it is not too large to be read again.
fn readable(file: Vec<u8>) -> Result<Vec<u8>, ModelError> {
    match file.len() {
        ..=MAX_BYTES => Ok(file),
        size => Err(ModelError::TooLarge(size)),
    }
}

/// Keeps only an error's text, so that the page, which writes nothing, does not need the error
/// types.
fn refused(error: impl std::fmt::Display) -> ModelError {
    ModelError::Write(one_line(error))
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
