//! The score and divergence of any density that has them in closed form.

use crate::score::{Score, ScoreWithDivergence};

/// A family of noisy densities q_σ on ℝᵈ whose score is a formula of one point: all that a toy has
/// to say to have [`Score`] and [`ScoreWithDivergence`], which take many points at a time.
pub trait ExactDensity {
    /// d, the number of coordinates of a point.
    fn dimension(&self) -> usize;

    /// Writes `s(x, σ)`, d coordinates.
    fn score_at(&self, x: &[f32], sigma: f32, score: &mut [f32]);

    /// `vᵀ (∂s/∂x) v` at a point where the score is `score`.
    fn divergence_along(&self, x: &[f32], sigma: f32, v: &[f32], score: &[f32]) -> f32;
}

impl<D: ExactDensity> Score for D {
    fn dimension(&self) -> usize {
        ExactDensity::dimension(self)
    }

    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        let d = ExactDensity::dimension(self);
        for (x, score) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            self.score_at(x, sigma, score);
        }
    }
}

impl<D: ExactDensity> ScoreWithDivergence for D {
    fn score_and_divergence(
        &self,
        x: &[f32],
        sigma: f32,
        v: &[f32],
        score: &mut [f32],
    ) -> Vec<f32> {
        self.score(x, sigma, score);
        let d = ExactDensity::dimension(self);
        let points = x.chunks_exact(d).zip(v.chunks_exact(d)).zip(score.chunks_exact(d));
        points.map(|((x, v), score)| self.divergence_along(x, sigma, v, score)).collect()
    }
}
