//! Whether weights are those of a network.

use std::collections::BTreeMap;

use thiserror::Error;

use super::array::{Array, ROWS, Weights};
use crate::net::Architecture;

/// Why weights are not those of a network.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WeightsMismatch {
    /// They lack the tensor of this name.
    #[error("the tensor `{0}` is missing")]
    Missing(String),
    /// The network has no tensor of this name.
    #[error("the network has no tensor `{0}`")]
    Unexpected(String),
    /// A tensor has another shape.
    #[error("the tensor `{name}` is {found:?} instead of {expected:?}")]
    Shape {
        /// The tensor's name.
        name: String,
        /// The shape that the network has.
        expected: Vec<usize>,
        /// That of the weights; or their number, if the shape is right but there are not as many.
        found: Vec<usize>,
    },
}

/// Checks that weights are those of a network. Rows of classes may be missing, as in a model that had
/// no classes; they then begin at 0, which changes nothing.
///
/// # Errors
/// [`WeightsMismatch`] names the first tensor that does not fit.
pub fn check_weights(
    architecture: &Architecture,
    weights: &Weights,
) -> Result<(), WeightsMismatch> {
    let expected: BTreeMap<String, Vec<usize>> = architecture.tensors().into_iter().collect();
    for (name, shape) in &expected {
        if name != ROWS || weights.contains_key(name) {
            tensor(weights, name, shape)?;
        }
    }
    match weights.keys().find(|&name| !expected.contains_key(name)) {
        Some(name) => Err(WeightsMismatch::Unexpected(name.clone())),
        None => Ok(()),
    }
}

/// The tensor of this name, which must have this shape.
///
/// # Errors
/// [`WeightsMismatch::Missing`] and [`WeightsMismatch::Shape`].
pub(crate) fn tensor<'a>(
    weights: &'a Weights,
    name: &str,
    expected: &[usize],
) -> Result<&'a Array, WeightsMismatch> {
    let array = weights.get(name).ok_or_else(|| WeightsMismatch::Missing(name.to_owned()))?;
    let found = match array.shape == expected {
        true if array.values.len() == expected.iter().product::<usize>() => return Ok(array),
        true => vec![array.values.len()],
        false => array.shape.clone(),
    };
    Err(WeightsMismatch::Shape { name: name.to_owned(), expected: expected.to_vec(), found })
}

#[cfg(all(test, feature = "training"))]
mod tests {
    use super::super::initial;
    use super::WeightsMismatch::{Missing, Unexpected};
    use super::*;
    use crate::net::{ImageShape, Preconditioning, UNetDescription};

    fn sizes(classes: usize, embedding: usize) -> UNetDescription {
        let image_shape = ImageShape { channels: 1, height: 8, width: 8 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.3 };
        let usual = UNetDescription::new(image_shape, scale);
        UNetDescription { classes, embedding, ..usual }
    }

    fn check(classes: usize, embedding: usize, weights: &Weights) -> Result<(), WeightsMismatch> {
        check_weights(&Architecture::UNet(sizes(classes, embedding)), weights)
    }

    #[test]
    fn only_rows_of_classes_may_be_missing() {
        let with = |classes| initial(&sizes(classes, 8), 1);
        assert_eq!(check(2, 8, &with(2)), Ok(()));
        assert_eq!(check(2, 8, &with(0)), Ok(()));
        let error = check(2, 8, &with(3)).expect_err("refused").to_string();
        assert!(error.contains(ROWS) && error.contains("[4, 8] instead of [3, 8]"), "{error}");
        assert_eq!(check(0, 8, &with(3)), Err(Unexpected(ROWS.into())));
        let error = check(0, 16, &with(0)).expect_err("refused").to_string();
        assert!(error.contains("`down.0.blocks.0.modulation.weight` is ["), "{error}");
        let mut weights = with(0);
        let head = weights.get_mut("head.bias").expect("a tensor of the network");
        head.values.pop();
        let found = vec![head.values.len()];
        let error = check(0, 8, &weights).expect_err("a value is missing");
        assert!(
            matches!(&error, WeightsMismatch::Shape { found: f, .. } if *f == found),
            "{error}"
        );
        weights.remove("head.bias");
        assert_eq!(check(0, 8, &weights), Err(Missing("head.bias".into())));
    }
}
