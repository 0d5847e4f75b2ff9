//! Traits of anything that has a score.

/// A family of noisy densities q_σ on ℝᵈ with a known score `∇ log q_σ`.
///
/// Exact densities ([`crate::toy`]) and anything else with a score on the host implement it; the
/// host backend ([`crate::sample::host`]) runs step tables on it.
pub trait Score {
    /// d, the number of coordinates of a point.
    fn dimension(&self) -> usize;

    /// Writes `s(x, σ)` for each of n points to `out`.
    ///
    /// `x` and `out` are n × d, one point after the other; σ > 0, or 0 for the density itself if it
    /// has one.
    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]);

    /// The denoiser `D(x, σ) = x + σ² s(x, σ)`, the mean of the points that x may have come from
    /// (Tweedie's formula; Efron 2011).
    fn denoise(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        self.score(x, sigma, out);
        for (out, x) in out.iter_mut().zip(x) {
            *out = x + sigma * sigma * *out;
        }
    }
}

/// A differentiable score, as likelihoods need it.
pub trait ScoreWithDivergence: Score {
    /// Writes `s(x, σ)` to `score` and returns `vᵀ (∂s/∂x) v` for each of n points; the mean over
    /// v with `E[v vᵀ] = I` is the divergence of s (Hutchinson 1989).
    ///
    /// `x`, `v` and `score` are n × d.
    fn score_and_divergence(&self, x: &[f32], sigma: f32, v: &[f32], score: &mut [f32])
    -> Vec<f32>;
}
