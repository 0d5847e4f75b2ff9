//! The paper's toy, and samplers on it.

use super::gaussian_mixture::{Component, GaussianMixture};
use crate::sample::{Conditioning, Settings, SettingsError, Start, StepTable};

impl GaussianMixture {
    /// The two-mode toy of Song & Ermon 2019, section 3.2.1: `⅕ N((−5, −5), I) + ⅘ N((5, 5), I)`.
    pub fn two_modes() -> Self {
        let mode = |weight, at: f32| Component { weight, mean: vec![at; 2], deviation: 1.0 };
        Self::new(vec![mode(0.2, -5.0), mode(0.8, 5.0)])
    }
}

/// The step table of a sampler on [`GaussianMixture::two_modes`], and a conditioning with the start
/// of its chains.
///
/// They begin around the density's mean, as an image's chains begin near the mean image. A
/// step table's even gray is far from that mean, and a flow without noise never forgets where it
/// began. Langevin dynamics at one σ begins anywhere in \[−8, 8\]², as in the paper's figure 3.
///
/// # Errors
/// [`SettingsError`] says which setting is impossible.
pub fn step_table(settings: &Settings) -> Result<(StepTable, Conditioning), SettingsError> {
    step_table_on(&GaussianMixture::two_modes(), settings)
}

/// As [`step_table`], on another density of the plane.
///
/// # Errors
/// As [`step_table`].
pub fn step_table_on(
    density: &GaussianMixture,
    settings: &Settings,
) -> Result<(StepTable, Conditioning), SettingsError> {
    let mut table = settings.step_table()?;
    if let Start::Uniform { low, high } = &mut table.start {
        (*low, *high) = (-8.0, 8.0);
    }
    let origin = Some(density.mean());
    Ok((table, Conditioning { origin, ..Conditioning::default() }))
}

/// The share of points, n × 2, that are nearer to the mode at (5, 5), which has ⅘ of the density.
pub fn upper_share(points: &[f32]) -> f64 {
    let points = points.chunks_exact(2);
    let all = points.len();
    points.filter(|x| x[0] + x[1] > 0.0).count() as f64 / all as f64
}
