//! All values of a network's tensors in one list.

use super::{Array, Weights};
use crate::net::Architecture;

/// The values of all tensors, one tensor after another in the order of [`Architecture::tensors`].
/// Tensors that the weights lack are left out.
pub fn flat(architecture: &Architecture, weights: &Weights) -> Vec<f32> {
    let values = |(name, _): (String, Vec<usize>)| weights.get(&name).map(|array| &array.values);
    architecture.tensors().into_iter().filter_map(values).flatten().copied().collect()
}

/// The inverse of [`flat`].
///
/// # Panics
/// If there are fewer values than the architecture has.
pub fn unflat(architecture: &Architecture, values: &[f32]) -> Weights {
    let mut rest = values;
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let (values, after) = rest.split_at(shape.iter().product());
        rest = after;
        (name, Array { values: values.to_vec(), shape })
    };
    architecture.tensors().into_iter().map(tensor).collect()
}
