//! What consistency tuning and distillation minimize; [`super::Consistency`] has the equations.

use burn::module::Module;
use burn::tensor::Tensor;

use super::batch::Batch;
use crate::net::burn_layers::column;
use crate::net::{Network, Preconditioning};

/// c over √D: 0.00054 as published for pixels in \[−1, 1\], so half of that for pixels in \[0, 1\].
const HUBER: f32 = 0.00027;

/// `w(t) = √(1/t² + 1/σ_d²)`. With it the gradient with respect to the raw network F has the same
/// size at all t: that of `‖a − b‖` with respect to a is 1, and a contains F times `1/w(t)`
/// ([`Preconditioning`]). The square root of [`crate::loss::Weighting::Edm`], since the distance is
/// the square root of a square.
pub(super) fn weight(t: f32, data: &Preconditioning) -> f32 {
    t.recip().hypot(data.sigma_data.recip())
}

/// Where to evaluate the score at each r: at r = 0 it does not count, and is evaluated at t, where it is
/// finite.
pub(super) fn finite_levels(rs: &[f32], ts: &[f32]) -> Vec<f32> {
    rs.iter().zip(ts).map(|(&r, &t)| if r > 0.0 { r } else { t }).collect()
}

/// `d(f(x_t, t), sg f(x_r, r))` for each of the N images of a batch: N values.
///
/// `noise` is what leads from x_t to x_r, `(x_t − x_r)/(t − r)`, according to whatever the run learns
/// from: the noise that was added; its mean over all images, which is a step of Euler's method along the
/// flow of the training images; or that of a step along a model's flow. N × C × H × W.
pub(super) fn distances(
    network: &Network,
    batch: Batch,
    noise: Tensor<4>,
    rs: &[f32],
) -> Tensor<1> {
    let Batch { noisy, sigmas: ts, classes, .. } = batch;
    let constant = |tensor: Tensor<4>| if tensor.is_autodiff() { tensor.inner() } else { tensor };
    let (x_t, noise) = (constant(noisy.clone()), constant(noise));
    let device = x_t.device();
    let x_r = x_t - noise * column(ts.iter().zip(rs).map(|(t, r)| t - r), &device);
    let score = network.valid().conditional_score(x_r.clone(), &finite_levels(rs, &ts), &classes);
    let target = x_r + score * column(rs.iter().map(|r| r * r), &device);

    let output = network.denoise(noisy, &ts, &classes);
    let difference: Tensor<2> = (output - Tensor::from_inner(target)).flatten(1, 3);
    let c = HUBER * (difference.dims()[1] as f32).sqrt();
    let squares = difference.square().sum_dim(1).flatten::<1>(0, 1);
    squares.add_scalar(c * c).sqrt().sub_scalar(c)
}

#[cfg(test)]
mod tests {
    use burn::optim::{GradientsParams, SgdConfig};
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::data::Images;
    use crate::net::weights::collect;
    use crate::net::{Architecture, ImageShape};
    use crate::random::Key;
    use crate::train::Augmentation;
    use crate::train::test_network::tiny;

    /// The gradient is that of the distance to constants: numbers that were read from the device.
    #[test]
    fn no_gradient_flows_through_the_target() {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        let images = Images::new(shape, (0..3 * 16).map(|i| (i * 37 % 256) as u8).collect());
        let device = Device::flex().autodiff();
        device.seed(1);
        let architecture = Architecture::UNet(tiny(shape));
        let mut network = Network::new(&architecture, &device).expect("possible");
        let (ts, rs) = (vec![2.0, 0.5, 0.05], vec![1.0, 0.4, 0.0]);
        let batch = || {
            let key = Key { seed: 1, stream: 0, step: 0 };
            Batch::new(&images, &[0, 1, 2], Augmentation::default(), ts.clone(), key, &device)
        };
        let step = |network: &Network, loss: Tensor<1>| {
            let gradients = GradientsParams::from_grads(loss.sum().backward(), network);
            SgdConfig::new().init().step(0.1, network.clone(), gradients)
        };
        // Output layers are 0 at first: after a step, every weight has a gradient.
        for _ in 0..2 {
            let noise = batch().noise;
            network = step(&network, distances(&network, batch(), noise, &rs));
        }

        let Batch { noisy, noise, .. } = batch();
        let column = |values: &[f32]| column(values.iter().copied(), &device);
        let x_r = noisy.clone() - noise.clone() * (column(&ts) - column(&rs));
        let denoised = |x: Tensor<4>, sigmas: &[f32], at: &[f32]| {
            x.clone() + network.score(x, at) * column(sigmas).square()
        };
        let read = |tensor: Tensor<4>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        let target = TensorData::new(read(denoised(x_r, &rs, &[1.0, 0.4, 0.05])), [3, 1, 4, 4]);
        let target = Tensor::<4>::from_data(target, &device);
        let squares = (denoised(noisy, &ts, &ts) - target).square();
        let squares = squares.flatten::<2>(1, 3).sum_dim(1).flatten::<1>(0, 1);
        let c = HUBER * 4.0;
        let expected = step(&network, (squares + c * c).sqrt());
        let found = step(&network, distances(&network, batch(), noise, &rs));

        let [before, expected, found] = [&network, &expected, &found].map(|n| collect(&n.valid()));
        let mut moved: f32 = 0.0;
        for (name, expected) in &expected {
            for ((a, b), start) in
                expected.values.iter().zip(&found[name].values).zip(&before[name].values)
            {
                assert!((a - b).abs() < 1e-5, "{name}: {b} instead of {a}");
                moved = moved.max((a - start).abs());
            }
        }
        assert!(moved > 1e-2, "{moved}");
    }
}
