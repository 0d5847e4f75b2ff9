//! The values of a tensor, as f32.

use half::{bf16, f16};
use pytorch_reader::{DType, Tensor};

use super::checkpoint_error::CheckpointError;
use crate::net::weights::Array;

/// The values of a tensor.
pub(super) fn array(tensor: &Tensor) -> Result<Array, CheckpointError> {
    let bytes = tensor.read()?;
    let values = match tensor.dtype() {
        DType::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_ne_bytes(b)).collect(),
        DType::F64 => {
            let values = bytes.as_chunks().0.iter().map(|&b| f64::from_ne_bytes(b));
            let narrow = |value: f64| match value as f32 {
                narrow if narrow.is_finite() || !value.is_finite() => Ok(narrow),
                _ => Err(CheckpointError::Range { name: tensor.name.clone(), value }),
            };
            values.map(narrow).collect::<Result<_, _>>()?
        }
        DType::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_ne_bytes(b).to_f32()).collect(),
        DType::BF16 => {
            bytes.as_chunks().0.iter().map(|&b| bf16::from_ne_bytes(b).to_f32()).collect()
        }
        dtype => return Err(CheckpointError::Type { name: tensor.name.clone(), dtype }),
    };
    Ok(Array { shape: tensor.shape().to_vec(), values })
}
