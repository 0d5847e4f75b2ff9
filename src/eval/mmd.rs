//! The kernel distance of Bińkowski et al. 2018 (KID's estimator): the squared maximum mean
//! discrepancy under the kernel `(x·y/d + 1)³`, unbiased for any number of samples.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::Points;
use crate::random::fixed_sample;

/// An estimate and its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mmd {
    /// The squared discrepancy: about 0, and of either sign, for samples of the same distribution.
    pub value: f64,
    /// The standard error of `value`; unknown if there are too few samples for several estimates.
    pub error: Option<f64>,
}

/// The number of samples for one estimate; the result is the mean of several.
const SUBSET: usize = 1000;

/// The squared discrepancy between two sets of points: the mean of estimates from random subsets of at
/// most 1000 points, which have no points in common and are the same in every call.
///
/// # Panics
/// If one of the sets has no points, they are of different dimensions, or the device fails.
pub fn mmd(a: &Points, b: &Points, device: &Device) -> Mmd {
    let size = SUBSET.min(a.len()).min(b.len());
    let subsets = (a.len().min(b.len()) / size.max(1)).max(1);
    let orders = [a, b].map(|points| fixed_sample(points.len(), points.len()).collect::<Vec<_>>());
    let subset = |points: &Points, order: &[usize], index: usize| {
        let row = |&row: &usize| &points.values[row * points.dimension..][..points.dimension];
        let rows = order[index * size..][..size].iter().flat_map(row);
        let values: Vec<f32> = rows.copied().collect();
        let shape = [values.len() / points.dimension, points.dimension];
        Tensor::<2>::from_data(TensorData::new(values, shape), device)
    };
    let estimates: Vec<f64> = (0..subsets)
        .map(|index| {
            let (a, b) = (subset(a, &orders[0], index), subset(b, &orders[1], index));
            inner(&a) + inner(&b) - 2.0 * mean(kernel(&a, &b))
        })
        .collect();
    let count = estimates.len() as f64;
    let value = estimates.iter().sum::<f64>() / count;
    let squares: f64 = estimates.iter().map(|estimate| (estimate - value).powi(2)).sum();
    let error = (subsets > 1).then(|| (squares / (count - 1.0) / count).sqrt());
    Mmd { value, error }
}

fn kernel(a: &Tensor<2>, b: &Tensor<2>) -> Tensor<2> {
    let [_, d] = a.dims();
    (a.clone().matmul(b.clone().swap_dims(0, 1)) / d as f32 + 1.0).powi_scalar(3)
}

fn mean(kernel: Tensor<2>) -> f64 {
    let [n, m] = kernel.dims();
    // In f64, since differences between these means are small.
    kernel.into_data().iter::<f64>().sum::<f64>() / (n * m) as f64
}

/// The mean of the kernel over pairs of different points.
fn inner(a: &Tensor<2>) -> f64 {
    let [n, d] = a.dims();
    let own = (a.clone().square().sum_dim(1) / d as f32 + 1.0).powi_scalar(3);
    let own = own.into_data().iter::<f64>().sum::<f64>();
    (mean(kernel(a, a)) * (n * n) as f64 - own) / (n * (n.max(2) - 1)) as f64
}

#[cfg(test)]
mod tests {
    use super::super::points::tests::normal;
    use super::*;

    #[test]
    fn equal_distributions_have_no_discrepancy_and_shifted_ones_the_exact_one() {
        let device = Device::flex();
        let here = normal(1, 5000, 6, 0.0, 1.0);
        let same = mmd(&here, &normal(2, 5000, 6, 0.0, 1.0), &device);
        let error = same.error.expect("five estimates");
        assert!(same.value.abs() < 4.0 * error && error < 0.01, "{same:?}");
        // With k = 1 + 3u + 3u² + u³, u = x·y/d, and a mean of m in each of d coordinates, the
        // moments of products of normals give, with q = m²: 3q + 3q² + q³ + 6q²/d + 3q (d + 2)/d².
        let other = mmd(&here, &normal(3, 5000, 6, 0.5, 1.0), &device);
        let (q, d) = (0.25, 6.0);
        let truth =
            3.0 * q + 3.0 * q * q + q * q * q + 6.0 * q * q / d + 3.0 * q * (d + 2.0) / (d * d);
        // Four standard errors of five estimates.
        assert!((other.value - truth).abs() < 0.18, "{other:?}, not {truth}");
        let few = mmd(&here, &normal(4, 500, 6, 0.0, 1.0), &device);
        assert_eq!(few.error, None);
    }

    /// Two points and two: k is 1 between the first two, 27 between the others, and 1, 1, 8 and 27
    /// across.
    #[test]
    fn it_is_the_one_that_is_worked_out_by_hand() {
        let points = |values: &[f32]| Points { dimension: 2, values: values.to_vec() };
        let (a, b) = (points(&[0.0, 0.0, 1.0, 1.0]), points(&[1.0, 1.0, 2.0, 2.0]));
        let found = mmd(&a, &b, &Device::flex());
        assert!((found.value - (1.0 + 27.0 - 37.0 / 2.0)).abs() < 1e-4, "{found:?}");
    }
}
