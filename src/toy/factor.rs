//! A Gaussian whose coordinates depend on each other.

use super::exact::ExactDensity;

/// `N(μ, τ² I + a aᵀ)` on ℝᵈ: all coordinates share one factor, each with its own loading. What
/// some coordinates say about the others is known in closed form.
#[derive(Clone, Debug)]
pub struct FactorGaussian {
    /// μ, d coordinates.
    pub mean: Vec<f32>,
    /// τ > 0.
    pub std: f32,
    /// a, d coordinates.
    pub loadings: Vec<f32>,
}

impl FactorGaussian {
    /// τ² + σ², and `a·v/(τ² + σ² + ‖a‖²)` for a vector v.
    fn along(&self, v: impl Iterator<Item = f32>, sigma: f32) -> (f32, f32) {
        let variance = self.std.powi(2) + sigma.powi(2);
        let length: f32 = self.loadings.iter().map(|a| a * a).sum();
        let product: f32 = self.loadings.iter().zip(v).map(|(a, v)| a * v).sum();
        (variance, product / (variance + length))
    }
}

impl ExactDensity for FactorGaussian {
    fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// `−(v I + a aᵀ)⁻¹ (x − μ)` with `v = τ² + σ²`, inverted by Sherman & Morrison's formula.
    fn score_at(&self, x: &[f32], sigma: f32, score: &mut [f32]) {
        let offsets = x.iter().zip(&self.mean).map(|(x, mean)| x - mean);
        let (variance, along) = self.along(offsets.clone(), sigma);
        for ((score, offset), a) in score.iter_mut().zip(offsets).zip(&self.loadings) {
            *score = (a * along - offset) / variance;
        }
    }

    /// The score is linear, so this is the same at every point.
    fn divergence_along(&self, _: &[f32], sigma: f32, v: &[f32], _: &[f32]) -> f32 {
        let (variance, along) = self.along(v.iter().copied(), sigma);
        self.loadings.iter().zip(v).map(|(a, v)| v * (a * along - v) / variance).sum()
    }
}
