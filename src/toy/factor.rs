//! A Gaussian whose coordinates depend on each other.

use crate::score::{Score, ScoreWithDivergence};

/// `N(μ, τ² I + a aᵀ)` on ℝᵈ: all coordinates share one factor, each with its own loading. What
/// some coordinates say about the others is known in closed form.
#[derive(Clone, Debug)]
pub struct FactorGaussian {
    /// μ, d coordinates.
    pub mean: Vec<f32>,
    /// τ > 0.
    pub deviation: f32,
    /// a, d coordinates.
    pub loadings: Vec<f32>,
}

impl FactorGaussian {
    /// τ² + σ², and `a·v/(τ² + σ² + ‖a‖²)` for a vector v.
    fn along(&self, v: impl Iterator<Item = f32>, sigma: f32) -> (f32, f32) {
        let variance = self.deviation.powi(2) + sigma.powi(2);
        let length: f32 = self.loadings.iter().map(|a| a * a).sum();
        let product: f32 = self.loadings.iter().zip(v).map(|(a, v)| a * v).sum();
        (variance, product / (variance + length))
    }
}

impl Score for FactorGaussian {
    fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// `−(v I + a aᵀ)⁻¹ (x − μ)` with `v = τ² + σ²`, inverted by Sherman & Morrison's formula.
    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        let d = self.dimension();
        for (x, out) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            let offsets = x.iter().zip(&self.mean).map(|(x, mean)| x - mean);
            let (variance, along) = self.along(offsets.clone(), sigma);
            for ((out, offset), a) in out.iter_mut().zip(offsets).zip(&self.loadings) {
                *out = (a * along - offset) / variance;
            }
        }
    }
}

impl ScoreWithDivergence for FactorGaussian {
    fn score_and_divergence(
        &self,
        x: &[f32],
        sigma: f32,
        v: &[f32],
        score: &mut [f32],
    ) -> Vec<f32> {
        self.score(x, sigma, score);
        let slope = |v: &[f32]| {
            let (variance, along) = self.along(v.iter().copied(), sigma);
            let bend = |(a, v): (&f32, &f32)| v * (a * along - v) / variance;
            self.loadings.iter().zip(v).map(bend).sum()
        };
        v.chunks_exact(self.dimension()).map(slope).collect()
    }
}
