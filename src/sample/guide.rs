//! Guidance: something else that knows a gradient adds it to the score.

use std::fmt::Debug;

use burn::tensor::Tensor;

/// By Bayes' rule `∇ log q_σ(x̃ | y) = s(x̃, σ) + ∇ log p_σ(y | x̃)`: whoever knows the second term
/// steers chains towards y, with the network as it is (Dhariwal & Nichol 2021, section 4).
pub trait Guide: Debug + Send + Sync {
    /// What is added to the score of noisy pictures at a noise level: N × C × H × W, like `x`.
    fn pull(&self, x: &Tensor<4>, sigma: f32) -> Tensor<4>;
}
