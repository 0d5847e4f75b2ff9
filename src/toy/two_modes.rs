//! The paper's toy, and samplers on it.

use super::gaussian_mixture::{Component, GaussianMixture};
use super::step_table::step_table_on;
use crate::sample::{Conditioning, Settings, SettingsError, StepTable};

impl GaussianMixture {
    /// The two-mode toy of Song & Ermon 2019, section 3.2.1: `⅕ N((−5, −5), I) + ⅘ N((5, 5), I)`.
    pub fn two_modes() -> Self {
        let mode = |weight, at: f32| Component { weight, mean: vec![at; 2], std: 1.0 };
        Self::new(vec![mode(0.2, -5.0), mode(0.8, 5.0)])
    }
}

/// The step table of a sampler on [`GaussianMixture::two_modes`], and a conditioning with the start
/// of its chains ([`step_table_on`]).
///
/// # Errors
/// [`SettingsError`] says which setting is impossible.
pub fn step_table(settings: &Settings) -> Result<(StepTable, Conditioning), SettingsError> {
    step_table_on(&GaussianMixture::two_modes(), settings)
}

/// The share of points, n × 2, that are nearer to the mode at (5, 5), which has ⅘ of the density.
pub fn upper_share(points: &[f32]) -> f64 {
    let points = points.chunks_exact(2);
    let all = points.len();
    points.filter(|x| x[0] + x[1] > 0.0).count() as f64 / all as f64
}
