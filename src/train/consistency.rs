//! Consistency tuning: a network whose denoiser follows the probability flow to its end in one
//! evaluation, tuned from the weights of a network that learned the score.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::options::OptionsError;
use crate::net::layers::column;
use crate::net::{Network, Preconditioning};

/// Consistency tuning and distillation.
///
/// A consistency model `f(x, t)` is the same along each path of the flow, and `f(x, 0) = x`: so it is
/// the path's end, an image (Song et al., *Consistency Models*, 2023). Here it is the network's
/// denoiser, `f(x, t) = D(x, t) = x + t² s(x, t)`, whose preconditioning has that boundary.
///
/// Tuning asks for the same answer at two points of a path, t and r < t, that share image and noise:
/// `x_t = x + t z` and `x_r = x + r z`. The answer at r is a constant in it (sg, "stop gradient"):
///
/// `E [w(t) d(f(x_t, t), sg f(x_r, r))]`, with `d(a, b) = √(‖a − b‖² + c²) − c`,
/// `c = 0.00027 √D` (Song & Dhariwal, *Improved Techniques for Training Consistency Models*, 2023,
/// section 3.3, where pixels in \[−1, 1\] have twice the distances). The relative gap Δ = (t − r)/t
/// halves in stages of equal length from its first to its last value.
///
/// - *Easy consistency tuning* (Geng et al., *Consistency Models Made Easy*, 2024) takes z as it was
///   added: a wide gap learns fast and with a bias, a narrow one without. The gap is widened at small t,
///   `r = t (1 − Δ n(t))⁺` with `n(t) = 1 + k sigmoid(−b t)` (section 3.2). With r = 0 the answer is
///   the image, as in denoising score matching.
/// - *Consistency distillation* (Song et al. 2023, section 4) takes x_r from the flow of a model that
///   learned the score, by a step of Heun's method. Its only error is that of the step, so a wide gap
///   is enough, and an image is few links of the chain of comparisons away from noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consistency {
    /// The Δ of the first stage, from 0 to 1.
    pub first_gap: f32,
    /// The Δ of the last stage, at most that of the first.
    pub last_gap: f32,
    /// Whether x_r is a point of the flow of the model that the run starts from, guided or not.
    #[serde(default)]
    pub distillation: bool,
}

impl Consistency {
    /// k of n(t), as published.
    const K: f32 = 8.0;
    /// b of n(t): 1 as published for pixels in \[−1, 1\], so 2 for pixels in \[0, 1\].
    const B: f32 = 2.0;
    /// c over √D: 0.00054 as published for pixels in \[−1, 1\], so half of that for pixels in \[0, 1\].
    const HUBER: f32 = 0.00027;

    pub(super) fn check(&self) -> Result<(), OptionsError> {
        let Self { first_gap, last_gap, .. } = *self;
        if last_gap > 0.0 && last_gap <= first_gap && first_gap <= 1.0 {
            return Ok(());
        }
        Err(OptionsError(format!(
            "the gaps of consistency tuning must fall from at most 1 and stay above 0, but are \
             {first_gap} and {last_gap}"
        )))
    }

    /// Δ at a step of a run.
    fn gap_at(&self, step: u64, steps: u64) -> f32 {
        let Self { first_gap, last_gap, .. } = *self;
        let halvings = (first_gap / last_gap).log2().ceil();
        let stage = ((halvings + 1.0) * (step as f64 / steps as f64) as f32).floor().min(halvings);
        (first_gap * (-stage).exp2()).max(last_gap)
    }

    /// r for each t: 0 if it would be below the smallest noise level.
    pub(super) fn earlier(&self, ts: &[f32], sigma_min: f32, step: u64, steps: u64) -> Vec<f32> {
        let gap = self.gap_at(step, steps);
        let earlier = |&t: &f32| {
            let widened = match self.distillation {
                true => 1.0,
                false => 1.0 + Self::K / (1.0 + (Self::B * t).exp()),
            };
            let r = t * (1.0 - gap * widened);
            if r < sigma_min { 0.0 } else { r }
        };
        ts.iter().map(earlier).collect()
    }
}

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
    let score = network.valid().guided_score(x_r.clone(), &finite_levels(rs, &ts), &classes);
    let target = x_r + score * column(rs.iter().map(|r| r * r), &device);

    let answer = network.denoise(noisy, &ts, &classes);
    let difference: Tensor<2> = (answer - Tensor::from_inner(target)).flatten(1, 3);
    let c = Consistency::HUBER * (difference.dims()[1] as f32).sqrt();
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
        let answer = |x: Tensor<4>, sigmas: &[f32], at: &[f32]| {
            x.clone() + network.score(x, at) * column(sigmas).square()
        };
        let read = |tensor: Tensor<4>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        let target = TensorData::new(read(answer(x_r, &rs, &[1.0, 0.4, 0.05])), [3, 1, 4, 4]);
        let target = Tensor::<4>::from_data(target, &device);
        let squares = (answer(noisy, &ts, &ts) - target).square();
        let squares = squares.flatten::<2>(1, 3).sum_dim(1).flatten::<1>(0, 1);
        let c = Consistency::HUBER * 4.0;
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

    #[test]
    fn the_gap_halves_in_stages_of_equal_length() {
        let consistency = Consistency { first_gap: 0.5, last_gap: 0.125, distillation: false };
        consistency.check().expect("they fall");
        let gaps: Vec<f32> = (0..9).map(|step| consistency.gap_at(step, 9)).collect();
        assert_eq!(gaps, [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125]);
        let constant = Consistency { first_gap: 0.01, last_gap: 0.01, distillation: false };
        assert_eq!(constant.gap_at(8, 9), 0.01);
        let grows = Consistency { first_gap: 0.1, last_gap: 0.2, distillation: false };
        assert!(grows.check().is_err());
    }

    /// As published, at a large t, at a small one, and below the smallest noise level.
    #[test]
    fn the_gap_is_wider_where_t_is_small() {
        let consistency = Consistency { first_gap: 0.1, last_gap: 0.1, distillation: false };
        let rs = consistency.earlier(&[20.0, 1e-3, 0.0179, 0.1], 0.01, 0, 10);
        assert!((rs[0] - 18.0).abs() < 1e-4, "{rs:?}");
        assert_eq!((rs[1], rs[2]), (0.0, 0.0));
        // 1 + 8/(1 + e^0.2) = 4.601.
        assert!((rs[3] - 0.054).abs() < 1e-4, "{rs:?}");
        let distillation = Consistency { distillation: true, ..consistency };
        let rs = distillation.earlier(&[20.0, 1e-3, 0.1], 0.01, 0, 10);
        assert!(
            (rs[0] - 18.0).abs() < 1e-4 && rs[1] == 0.0 && (rs[2] - 0.09).abs() < 1e-6,
            "{rs:?}"
        );
    }
}
