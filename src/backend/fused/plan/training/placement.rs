//! Which weight each parameter of a plan is a copy of.
//!
//! A plan only copies weights to other places and pads them with zeros. So a plan for weights whose
//! values are their own numbers, counted from 1, shows in each place which weight is copied there.

use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::{Plan, network};
use crate::net::Architecture;
use crate::net::weights::{Array, Weights};

/// What a number of the parameters is: the weight of this number, counted through all tensors in
/// the order of [`Architecture::tensors`], or the zero of padding.
pub type Place = Option<u32>;

/// The base in which the numbers of weights are written with two digits: the values of a plan are
/// f32, which represents only the integers up to 2²⁴ exactly.
const DIGIT: usize = 1 << 12;

/// The plan of a network, and for each slice of its parameters the places of its numbers.
///
/// # Errors
/// [`FusedError::Description`] if there is no such network.
pub fn plan(architecture: &Architecture) -> Result<(Plan, Vec<Vec<Place>>), FusedError> {
    architecture.check()?;
    // One plan for each digit of the weights' numbers, counted from 1: 0 is padding.
    let [high, low] = [DIGIT, 1].map(|unit| {
        let mut number = 0;
        let mut weights = Weights::new();
        for (name, shape) in architecture.tensors() {
            let count: usize = shape.iter().product();
            let digits = (number + 1..=number + count).map(|number| digit(number, unit));
            weights.insert(name, Array { values: digits.collect(), shape });
            number += count;
        }
        network::plan(architecture, &weights)
    });
    let (mut plan, high) = (low?, high?);
    let place = |(&low, &high): (&f32, &f32)| {
        (DIGIT * high as usize + low as usize).checked_sub(1).map(|number| number as u32)
    };
    let slices = plan.parameters.iter().zip(&high.parameters);
    let places = slices.map(|(low, high)| low.values.iter().zip(&high.values).map(place).collect());
    let places = places.collect();
    plan.parameters.iter_mut().for_each(|parameters| parameters.values = Vec::new());
    plan.class_rows.clear();
    Ok((plan, places))
}

/// The digit of a number that counts units of this size, 1 or [`DIGIT`]. The higher digit has no
/// limit.
fn digit(number: usize, unit: usize) -> f32 {
    (if unit == 1 { number % DIGIT } else { number / unit }) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{ImageShape, Preconditioning, UNetDescription};

    #[test]
    fn every_weight_has_one_place_besides_the_rows_of_classes() {
        let image_shape = ImageShape { channels: 3, height: 16, width: 16 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.2 };
        let sizes = UNetDescription { classes: 2, ..UNetDescription::new(image_shape, scale) };
        let architecture = Architecture::UNet(sizes);
        let (_, places) = plan(&architecture).expect("a network");
        let mut found: Vec<u32> = places.into_iter().flatten().flatten().collect();
        found.sort_unstable();
        let mut number = 0;
        let mut expected = Vec::new();
        for (name, shape) in architecture.tensors() {
            let count = shape.iter().product::<usize>() as u32;
            if name != "embedding.classes" {
                expected.extend(number..number + count);
            }
            number += count;
        }
        assert!(found.len() > DIGIT * 16, "more than one digit is tested");
        assert_eq!(found, expected);
    }
}
