//! The tensors of a file, which must be exactly those of the network that its card describes.

use half::f16;

use super::container::{Container, Tensor};
use super::container_error::ContainerError;
use super::error::ModelError;
use crate::net::description::TensorShape;
use crate::net::weights::{Array, Weights};

/// The tensors of these names and shapes, and no others.
///
/// # Errors
/// [`ModelError`] names the tensor and what is wrong with it.
pub(crate) fn read(
    container: &Container<'_>,
    expected: Vec<TensorShape>,
) -> Result<Weights, ModelError> {
    let mut found: Vec<Option<Floats<'_>>> = expected.iter().map(|_| None).collect();
    for tensor in container.tensors() {
        // The first tensor that is not expected, or is there again, ends the search.
        let number = expected.iter().position(|(name, _)| name == tensor.name);
        let number = number.ok_or_else(|| ModelError::Unexpected(tensor.name.into()))?;
        if found[number].is_some() {
            return Err(ModelError::Duplicate(tensor.name.into()));
        }
        found[number] = Some(Floats::of(tensor, &expected[number].1)?);
    }

    // Allocate nothing for values before every tensor is found.
    let whole = |((name, shape), floats)| match floats {
        Some(floats) => Ok((name, shape, floats)),
        None => Err(ModelError::Missing(name)),
    };
    let found: Vec<_> = expected.into_iter().zip(found).map(whole).collect::<Result<_, _>>()?;

    let mut weights = Weights::new();
    for (name, shape, floats) in found {
        let values = floats.values();
        if !values.iter().all(|value| value.is_finite()) {
            return Err(ModelError::NotFinite(name));
        }
        weights.insert(name, Array { shape, values });
    }
    Ok(weights)
}

/// The values of a tensor of the right shape, as stored in the file.
enum Floats<'a> {
    F16(&'a [[u8; 2]]),
    F32(&'a [[u8; 4]]),
}

impl<'a> Floats<'a> {
    fn of(tensor: Tensor<'a>, expected: &[usize]) -> Result<Self, ModelError> {
        let Tensor { name, dtype, shape, bytes } = tensor;
        if shape != expected {
            let (found, expected) = (shape.to_vec(), expected.to_vec());
            return Err(ModelError::Shape { name: name.into(), found, expected });
        }
        let elements = expected.iter().product();
        let floats = match dtype {
            "F16" => exactly(bytes, elements).map(Self::F16),
            "F32" => exactly(bytes, elements).map(Self::F32),
            found => return Err(ModelError::Type { name: name.into(), found: found.into() }),
        };
        floats.ok_or_else(|| ContainerError::Size(name.into()).into())
    }

    fn values(&self) -> Vec<f32> {
        match self {
            Self::F16(halves) => halves.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
            Self::F32(floats) => floats.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        }
    }
}

/// Bytes as `elements` values of N bytes each, if their number fits.
fn exactly<const N: usize>(bytes: &[u8], elements: usize) -> Option<&[[u8; N]]> {
    let (values, rest) = bytes.as_chunks();
    (rest.is_empty() && values.len() == elements).then_some(values)
}
