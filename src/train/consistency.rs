//! Consistency tuning: a network whose denoiser follows the probability flow to its end in one
//! evaluation, tuned from the weights of a network that learned the score.

use serde::{Deserialize, Serialize};

use super::options_error::OptionsError;
use super::precision::Precision;
use crate::net::Architecture;

/// Consistency tuning and distillation.
///
/// A consistency model `f(x, t)` is the same along each path of the flow, and `f(x, 0) = x`: so it is
/// the path's end, an image (Song et al., *Consistency Models*, 2023). Here it is the network's
/// denoiser, `f(x, t) = D(x, t) = x + t² s(x, t)`, whose preconditioning has that boundary.
///
/// Tuning asks for the same output at two points of a path, t and r < t, that share image and noise:
/// `x_t = x + t z` and `x_r = x + r z`. The output at r is a constant in it (sg, "stop gradient"):
///
/// `E [w(t) d(f(x_t, t), sg f(x_r, r))]`, with `d(a, b) = √(‖a − b‖² + c²) − c`,
/// `c = 0.00027 √D` (Song & Dhariwal, *Improved Techniques for Training Consistency Models*, 2023,
/// section 3.3, where pixels in \[−1, 1\] have twice the distances). The relative gap Δ = (t − r)/t
/// halves in stages of equal length from its first to its last value.
///
/// - *Easy consistency tuning* (Geng et al., *Consistency Models Made Easy*, 2024) takes z as it was
///   added: a wide gap learns fast and with a bias, a narrow one without. The gap is widened at small t,
///   `r = t (1 − Δ n(t))⁺` with `n(t) = 1 + k sigmoid(−b t)` (section 3.2). With r = 0 the target is
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

    /// Checks the gaps, and that this network can be tuned in this precision.
    pub(super) fn check(
        &self,
        architecture: &Architecture,
        precision: Precision,
    ) -> Result<(), OptionsError> {
        let fail = |message: String| Err(OptionsError::Impossible(message));
        let Self { first_gap, last_gap, distillation } = *self;
        if !(last_gap > 0.0 && last_gap <= first_gap && first_gap <= 1.0) {
            return fail(format!(
                "the gaps of consistency tuning must fall from at most 1 and stay above 0, but are \
                 {first_gap} and {last_gap}"
            ));
        }
        if architecture.preconditioning().is_none() {
            return fail("consistency tuning needs a preconditioned network: a U-Net".into());
        }
        if precision != Precision::F32 && !distillation {
            return fail("consistency tuning compares outputs too close for bf16: use f32".into());
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ImageShape;
    use crate::train::test_network::tiny;

    fn check(consistency: &Consistency, precision: Precision) -> Result<(), OptionsError> {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        consistency.check(&Architecture::UNet(tiny(shape)), precision)
    }

    #[test]
    fn the_gap_halves_in_stages_of_equal_length() {
        let consistency = Consistency { first_gap: 0.5, last_gap: 0.125, distillation: false };
        check(&consistency, Precision::F32).expect("they fall");
        let gaps: Vec<f32> = (0..9).map(|step| consistency.gap_at(step, 9)).collect();
        assert_eq!(gaps, [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125]);
        let constant = Consistency { first_gap: 0.01, last_gap: 0.01, distillation: false };
        assert_eq!(constant.gap_at(8, 9), 0.01);
        let grows = Consistency { first_gap: 0.1, last_gap: 0.2, distillation: false };
        assert!(check(&grows, Precision::F32).is_err());
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
