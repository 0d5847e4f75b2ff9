//! Writes the safetensors format, with the crate of that name.

use std::borrow::Cow;
use std::collections::HashMap;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::container::{CardKind, Container};
use super::error::ModelError;
use super::json;
use super::size::MAX_BYTES;
use crate::net::weights::Weights;
use crate::words::one_line;

/// A file of these tensors, in f16 or f32, with a card.
///
/// # Errors
/// [`ModelError::NotFinite`] if a value is not finite, [`ModelError::BeyondF16`] if it is not in
/// f16, [`ModelError::TooLarge`] if the file would be too large to read; otherwise
/// [`ModelError::Write`].
pub(crate) fn tensors<C: CardKind + Serialize + DeserializeOwned>(
    weights: &Weights,
    card: &C,
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
    let file = safetensors::serialize(tensors, Some(metadata(card)?)).map_err(refused)?;
    readable(file)
}

/// A file with the same tensors and another card.
///
/// # Errors
/// [`ModelError::Container`] if it is not a safetensors file, [`ModelError::TooLarge`] if the new
/// one would be too large to read, [`ModelError::Write`] if the card could not be read again.
pub(crate) fn with_card<C: CardKind + Serialize + DeserializeOwned>(
    bytes: &[u8],
    card: &C,
) -> Result<Vec<u8>, ModelError> {
    Container::read(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(refused)?;
    let file = safetensors::serialize(file.tensors(), Some(metadata(card)?)).map_err(refused)?;
    readable(file)
}

/// The metadata with a card that can be read again: JSON has no infinity and no NaN, and numbers
/// that are one of these would be written as `null`.
fn metadata<C: CardKind + Serialize + DeserializeOwned>(
    card: &C,
) -> Result<HashMap<String, String>, ModelError> {
    let text = serde_json::to_string(card).map_err(refused)?;
    json::parse::<C>(&text).map_err(|error| {
        ModelError::Write(format!("its card could not be read again, so none is written: {error}"))
    })?;
    Ok(HashMap::from([(C::KEY.to_owned(), text)]))
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

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::model_file::container::Cards;

    #[derive(Serialize, Deserialize)]
    struct Limit {
        largest: f32,
    }

    impl CardKind for Limit {
        const KEY: &'static str = "card";
        const FORMAT: u32 = 1;
        const WHAT: &'static str = "limit";

        fn of(cards: &Cards) -> Option<&str> {
            cards.card.as_deref()
        }
    }

    #[test]
    fn a_card_that_could_not_be_read_again_is_not_written() {
        let file = |largest| tensors(&Weights::new(), &Limit { largest }, Dtype::F32);
        let sound = file(f32::MAX).expect("a number");
        for largest in [f32::INFINITY, f32::NAN] {
            let limit = Limit { largest };
            for refused in [file(largest), with_card(&sound, &limit)] {
                let error = refused.expect_err("it would be null");
                assert!(matches!(error, ModelError::Write(_)), "{error}");
            }
        }
        with_card(&sound, &Limit { largest: 1.0 }).expect("a number");
    }
}
