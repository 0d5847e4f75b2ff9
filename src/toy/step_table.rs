//! Samplers on densities of the plane.

use super::gaussian_mixture::GaussianMixture;
use crate::sample::{Conditioning, Settings, SettingsError, Start, StepTable};

/// The step table of a sampler on a density of the plane, and a conditioning with the start of its
/// chains.
///
/// They begin around the density's mean, as an image's chains begin near the mean image. A
/// step table's even gray is far from that mean, and a flow without noise never forgets where it
/// began. Langevin dynamics at one σ begins anywhere in \[−8, 8\]², as in figure 3 of Song & Ermon
/// 2019.
///
/// # Errors
/// [`SettingsError`] says which setting is impossible.
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
