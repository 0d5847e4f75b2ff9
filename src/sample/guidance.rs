//! Guidance: terms added to the score.

use std::fmt::Debug;

use burn::tensor::Tensor;

use super::GuidanceScale;
use crate::net::Network;
use crate::net::burn_layers::column;

/// By Bayes' rule `∇ log q_σ(x̃ | y) = s(x̃, σ) + ∇ log p_σ(y | x̃)`: adding the second term steers
/// chains toward y, with the network as it is (Dhariwal & Nichol 2021, section 4).
pub trait Guide: Debug + Send + Sync {
    /// The term to add to the score of noisy images at σ. `score` is the network's, before any
    /// guidance; `x`, `score` and the result are N × C × H × W. `classes` has one entry for each
    /// image, or a single one for all.
    fn pull(
        &self,
        x: &Tensor<4>,
        sigma: f32,
        classes: &[Option<usize>],
        score: &Tensor<4>,
    ) -> Tensor<4>;
}

/// Autoguidance: steers away from what a worse model of the same images would do (Karras et al.,
/// *Guiding a Diffusion Model with a Bad Version of Itself*, 2024, section 4).
///
/// A smaller or less trained model makes the mistakes of the better one, and more of them, so the
/// difference of their scores leads away from both. Unlike guidance to a class, it costs no variety
/// while the weight is moderate.
#[derive(Clone, Debug)]
pub struct Autoguide {
    /// The worse model, on the device of the chains.
    pub worse: Network,
    /// How strongly, and at which noise levels.
    pub guidance_scale: GuidanceScale,
}

impl Autoguide {
    /// `(w − 1) (s(x, σ) − s₀(x, σ))`, the term added to the `score` s of the better model at `x`,
    /// for one σ and class, or one per image: N × C × H × W.
    pub fn difference(
        &self,
        x: &Tensor<4>,
        sigmas: &[f32],
        classes: &[Option<usize>],
        score: &Tensor<4>,
    ) -> Tensor<4> {
        let factor = |&sigma: &f32| self.guidance_scale.at(sigma) - 1.0;
        let factors: Vec<f32> = sigmas.iter().map(factor).collect();
        if factors.iter().all(|&factor| factor == 0.0) {
            return score.zeros_like();
        }
        let worse = self.worse.class_score(x.clone(), sigmas, classes);
        (score.clone() - worse) * column(factors, &x.device())
    }
}

impl Guide for Autoguide {
    fn pull(
        &self,
        x: &Tensor<4>,
        sigma: f32,
        classes: &[Option<usize>],
        score: &Tensor<4>,
    ) -> Tensor<4> {
        self.difference(x, &[sigma], classes, score)
    }
}
