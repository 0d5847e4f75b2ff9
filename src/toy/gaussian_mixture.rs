//! A mixture of Gaussians.

use super::exact::ExactDensity;
use crate::random::Key;

/// A mixture of isotropic Gaussians `Σₖ wₖ N(μₖ, τₖ² I)` on ℝᵈ; one component is a Gaussian.
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    components: Vec<Component>,
    dimension: usize,
}

/// One Gaussian of a [`GaussianMixture`].
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// wₖ > 0; the weights need not sum to 1.
    pub weight: f32,
    /// μₖ, d coordinates.
    pub mean: Vec<f32>,
    /// τₖ ≥ 0, the standard deviation of each coordinate.
    pub std: f32,
}

impl GaussianMixture {
    /// A mixture of the given components.
    ///
    /// # Panics
    /// If there is no component, or two of them have different dimensions.
    pub fn new(components: Vec<Component>) -> Self {
        let dimension = components.first().expect("a mixture has a component").mean.len();
        assert!(components.iter().all(|c| c.mean.len() == dimension), "means of one dimension");
        Self { components, dimension }
    }

    /// A single Gaussian `N(mean, std² I)`.
    pub fn gaussian(mean: Vec<f32>, std: f32) -> Self {
        Self::new(vec![Component { weight: 1.0, mean, std }])
    }

    /// A density that has equal shares around each of some points (x, y): what a network that
    /// learns from them by heart would know, blurred by `std`.
    ///
    /// # Panics
    /// If there are no points.
    pub fn around(points: &[f32], std: f32) -> Self {
        let component = |point: &[f32]| Component { weight: 1.0, mean: point.to_vec(), std };
        Self::new(points.chunks_exact(2).map(component).collect())
    }

    /// The sum of all weights.
    fn weight(&self) -> f32 {
        self.components.iter().map(|c| c.weight).sum()
    }

    /// The mean of the whole mixture, d coordinates.
    pub fn mean(&self) -> Vec<f32> {
        let total = self.weight();
        let coordinate =
            |i: usize| self.components.iter().map(|c| c.weight * c.mean[i]).sum::<f32>() / total;
        (0..self.dimension).map(coordinate).collect()
    }

    /// `n` points of the density itself, one after the other; a key always gives the same.
    pub fn draw(&self, n: usize, key: Key) -> Vec<f32> {
        let total = self.weight();
        let d = self.dimension as u32;
        let mut points = Vec::with_capacity(n * self.dimension);
        for first in (0..n as u32).map(|point| point * (d + 1)) {
            let mut left = key.uniform(first) * total;
            let component = self.components.iter().find(|component| {
                left -= component.weight;
                left < 0.0
            });
            // Rounding may leave a remainder after the last.
            let component = component.unwrap_or(&self.components[self.components.len() - 1]);
            let coordinate =
                |(index, mean): (u32, &f32)| mean + component.std * key.normal(first + 1 + index);
            points.extend((0..).zip(&component.mean).map(coordinate));
        }
        points
    }

    /// log of `wₖ q_σ(x | k)` up to a constant shared by all k.
    fn log_joint(&self, component: &Component, x: &[f32], sigma: f32) -> f64 {
        let variance = f64::from(component.std).powi(2) + f64::from(sigma).powi(2);
        let distance: f64 =
            x.iter().zip(&component.mean).map(|(x, m)| f64::from(x - m).powi(2)).sum();
        f64::from(component.weight).ln()
            - 0.5 * distance / variance
            - 0.5 * self.dimension as f64 * variance.ln()
    }

    /// `wₖ q_σ(x | k)` of each component over the largest of them, and the log of that one, which
    /// lacks a constant.
    fn joints(&self, x: &[f32], sigma: f32) -> (Vec<f64>, f64) {
        let logs: Vec<f64> = self.components.iter().map(|c| self.log_joint(c, x, sigma)).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (logs.iter().map(|log| (log - top).exp()).collect(), top)
    }

    /// log q_σ(x) for one point.
    pub fn log_density(&self, x: &[f32], sigma: f32) -> f64 {
        let (joints, top) = self.joints(x, sigma);
        let evidence: f64 = joints.iter().sum();
        let weights: f64 = self.components.iter().map(|c| f64::from(c.weight)).sum();
        let constant = 0.5 * self.dimension as f64 * std::f64::consts::TAU.ln();
        top + evidence.ln() - weights.ln() - constant
    }

    /// p(k | x) of each component under noise σ.
    fn shares(&self, x: &[f32], sigma: f32) -> Vec<f64> {
        let (joints, _) = self.joints(x, sigma);
        let evidence: f64 = joints.iter().sum();
        joints.iter().map(|joint| joint / evidence).collect()
    }
}

impl ExactDensity for GaussianMixture {
    fn dimension(&self) -> usize {
        self.dimension
    }

    /// Noise only widens each component: `q_σ = Σₖ wₖ N(μₖ, (τₖ² + σ²) I)`, whose score is
    /// `Σₖ p(k | x) (μₖ − x)/(τₖ² + σ²)`.
    fn score_at(&self, x: &[f32], sigma: f32, score: &mut [f32]) {
        score.fill(0.0);
        for (component, share) in self.components.iter().zip(self.shares(x, sigma)) {
            let variance = component.std.powi(2) + sigma.powi(2);
            let pull = share as f32 / variance;
            for ((score, x), mean) in score.iter_mut().zip(x).zip(&component.mean) {
                *score += pull * (mean - x);
            }
        }
    }

    /// `Σₖ p(k | x) ((v·gₖ)² − ‖v‖²/(τₖ² + σ²)) − (v·s)²`, where gₖ is the score of component k
    /// alone.
    fn divergence_along(&self, x: &[f32], sigma: f32, v: &[f32], score: &[f32]) -> f32 {
        let dot =
            |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum() };
        let bend = |(component, share): (&Component, f64)| {
            let variance = f64::from(component.std.powi(2) + sigma.powi(2));
            let pull: f64 = (component.mean.iter().zip(x).zip(v))
                .map(|((mean, x), v)| f64::from((mean - x) * v))
                .sum();
            share * ((pull / variance).powi(2) - dot(v, v) / variance)
        };
        let sum: f64 = self.components.iter().zip(self.shares(x, sigma)).map(bend).sum();
        (sum - dot(v, score).powi(2)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{Score, ScoreWithDivergence};
    use crate::toy::FactorGaussian;

    #[test]
    fn a_gaussians_score_is_linear() {
        let gaussian = GaussianMixture::gaussian(vec![1.0, -2.0], 0.5);
        let mut score = [0.0; 2];
        gaussian.score(&[2.0, 2.0], 1.5, &mut score);
        // −(x − μ)/(τ² + σ²) with τ² + σ² = 2.5.
        assert!((score[0] + 0.4).abs() < 1e-6 && (score[1] + 1.6).abs() < 1e-6, "{score:?}");
    }

    /// The score is the gradient of the log density, here by central differences in f64.
    #[test]
    fn a_mixtures_score_is_the_gradient_of_its_log_density() {
        let mixture = GaussianMixture::two_modes();
        for x in [[0.3, -0.2], [4.0, 5.5], [-1.0, 0.5]] {
            let mut score = [0.0; 2];
            mixture.score(&x, 2.0, &mut score);
            for axis in 0..2 {
                let (mut up, mut down) = (x, x);
                up[axis] += 1.0 / 128.0;
                down[axis] -= 1.0 / 128.0;
                let slope =
                    (mixture.log_density(&up, 2.0) - mixture.log_density(&down, 2.0)) * 64.0;
                assert!((slope - f64::from(score[axis])).abs() < 1e-3, "{slope} {score:?}");
            }
        }
    }

    /// `vᵀ (∂s/∂x) v`, here by central differences.
    #[test]
    fn the_divergence_along_a_vector_is_a_derivative_of_the_score() {
        let factor = FactorGaussian { mean: vec![1.0, -1.0], std: 0.5, loadings: vec![0.4, 2.0] };
        fn check(density: &impl ScoreWithDivergence) {
            let (x, v, h) = ([-1.0, 0.5], [0.6f32, -1.1], 1.0 / 64.0);
            let mut score = [0.0; 2];
            let found = density.score_and_divergence(&x, 2.0, &v, &mut score)[0];
            let along = |t: f32| {
                let mut score = [0.0; 2];
                density.score(&[x[0] + t * v[0], x[1] + t * v[1]], 2.0, &mut score);
                v[0] * score[0] + v[1] * score[1]
            };
            let difference = (along(h) - along(-h)) / (2.0 * h);
            assert!((found - difference).abs() < 1e-3, "{found}, {difference}");
            assert_eq!(along(0.0), v[0] * score[0] + v[1] * score[1]);
        }
        check(&GaussianMixture::two_modes());
        check(&factor);
    }

    #[test]
    fn the_mean_of_a_mixture_is_weighted() {
        // ⅘ · 5 − ⅕ · 5.
        for coordinate in GaussianMixture::two_modes().mean() {
            assert!((coordinate - 3.0).abs() < 1e-6, "{coordinate}");
        }
    }

    #[test]
    fn the_denoiser_is_the_posterior_mean() {
        let gaussian = GaussianMixture::gaussian(vec![0.0], 1.0);
        let mut mean = [0.0];
        gaussian.denoise(&[3.0], 1.0, &mut mean);
        assert!((mean[0] - 1.5).abs() < 1e-6);
    }
}
