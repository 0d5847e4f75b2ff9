//! All values of a network's tensors in one list.

use super::array::{Array, Weights};
use crate::net::Architecture;

/// The values of all tensors, one tensor after another in the order of [`Architecture::tensors`].
/// Tensors that the weights lack are zero, such as the rows of classes of a model that had none.
pub fn flat(architecture: &Architecture, weights: &Weights) -> Vec<f32> {
    let mut values = Vec::with_capacity(architecture.parameters());
    for (name, shape) in architecture.tensors() {
        let end = values.len() + shape.iter().product::<usize>();
        if let Some(array) = weights.get(&name) {
            values.extend_from_slice(&array.values);
        }
        values.resize(end, 0.0);
    }
    values
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

#[cfg(test)]
mod tests {
    use super::super::initial;
    use super::*;
    use crate::net::{ImageShape, Preconditioning, UNetDescription};

    /// A model without classes, as the start of a network with classes.
    #[test]
    fn tensors_that_are_missing_are_zero_and_move_no_others() {
        let image_shape = ImageShape { channels: 1, height: 8, width: 8 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.3 };
        let before = UNetDescription::new(image_shape, scale);
        let weights = initial(&before, 1);
        let after = Architecture::UNet(before).with_classes(2);
        let values = flat(&after, &weights);
        assert_eq!(values.len(), after.parameters());
        let mut found = unflat(&after, &values);
        let rows = found.remove("embedding.classes").expect("it has classes");
        assert!(rows.values.iter().all(|&value| value == 0.0));
        assert_eq!(found, weights);
    }
}
