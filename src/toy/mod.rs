//! Densities whose score is known exactly, to hold samplers and losses against.

use crate::score::Score;

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
    pub deviation: f32,
}

impl GaussianMixture {
    /// A mixture of the given components.
    ///
    /// # Panics
    /// Where there is no component, or two of them have different dimensions.
    pub fn new(components: Vec<Component>) -> Self {
        let dimension = components.first().expect("a mixture has a component").mean.len();
        assert!(components.iter().all(|c| c.mean.len() == dimension), "means of one dimension");
        Self { components, dimension }
    }

    /// A single Gaussian `N(mean, deviation² I)`.
    pub fn gaussian(mean: Vec<f32>, deviation: f32) -> Self {
        Self::new(vec![Component { weight: 1.0, mean, deviation }])
    }

    /// The two-mode toy of Song & Ermon 2019, section 3.2.1: `⅕ N((−5, −5), I) + ⅘ N((5, 5), I)`.
    pub fn two_modes() -> Self {
        let mode = |weight, at: f32| Component { weight, mean: vec![at; 2], deviation: 1.0 };
        Self::new(vec![mode(0.2, -5.0), mode(0.8, 5.0)])
    }

    /// log of `wₖ q_σ(x | k)` up to a constant shared by all k.
    fn log_joint(&self, component: &Component, x: &[f32], sigma: f32) -> f64 {
        let variance = f64::from(component.deviation).powi(2) + f64::from(sigma).powi(2);
        let distance: f64 =
            x.iter().zip(&component.mean).map(|(x, m)| f64::from(x - m).powi(2)).sum();
        f64::from(component.weight).ln()
            - 0.5 * distance / variance
            - 0.5 * self.dimension as f64 * variance.ln()
    }
}

impl Score for GaussianMixture {
    fn dimension(&self) -> usize {
        self.dimension
    }

    /// Noise only widens each component: `q_σ = Σₖ wₖ N(μₖ, (τₖ² + σ²) I)`, whose score is
    /// `Σₖ p(k | x) (μₖ − x)/(τₖ² + σ²)`.
    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        for (x, out) in x.chunks_exact(self.dimension).zip(out.chunks_exact_mut(self.dimension)) {
            let logs: Vec<f64> =
                self.components.iter().map(|c| self.log_joint(c, x, sigma)).collect();
            let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let evidence: f64 = logs.iter().map(|log| (log - top).exp()).sum();
            out.fill(0.0);
            for (component, log) in self.components.iter().zip(logs) {
                let variance = component.deviation.powi(2) + sigma.powi(2);
                let pull = ((log - top).exp() / evidence) as f32 / variance;
                for ((out, x), mean) in out.iter_mut().zip(x).zip(&component.mean) {
                    *out += pull * (mean - x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let log_density = |x: &[f32]| {
            let logs = mixture.components.iter().map(|c| mixture.log_joint(c, x, 2.0));
            logs.map(f64::exp).sum::<f64>().ln()
        };
        for x in [[0.3, -0.2], [4.0, 5.5], [-1.0, 0.5]] {
            let mut score = [0.0; 2];
            mixture.score(&x, 2.0, &mut score);
            for axis in 0..2 {
                let (mut up, mut down) = (x, x);
                up[axis] += 1.0 / 128.0;
                down[axis] -= 1.0 / 128.0;
                let slope = (log_density(&up) - log_density(&down)) * 64.0;
                assert!((slope - f64::from(score[axis])).abs() < 1e-3, "{slope} {score:?}");
            }
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
