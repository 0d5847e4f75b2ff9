//! How the losses of images of different noise levels are added up.

use burn::tensor::{Tensor, TensorData};

use super::consistency_loss;
use super::options::Options;

/// The weighted losses of images of these noise levels, divided by the number of images in the *whole*
/// batch, so that the losses of the parts add up to the batch's.
pub(super) fn weighted_sum(losses: Tensor<1>, sigmas: &[f32], options: &Options) -> Tensor<1> {
    let data = options.architecture.preconditioning();
    // Without preconditioning, the weighting is NCSN's; `Options::check` makes sure of that.
    let factor = |sigma| {
        data.map_or(1.0, |data| match options.consistency {
            Some(_) => consistency_loss::weight(sigma, &data),
            None => options.weighting.factor(sigma, &data),
        })
    };
    let weights = sigmas.iter().map(|&sigma| factor(sigma) / options.batch as f32).collect();
    let weights = TensorData::new(weights, [sigmas.len()]);
    let weights = Tensor::<1>::from_data(weights, &losses.device());
    (losses * weights).sum()
}
