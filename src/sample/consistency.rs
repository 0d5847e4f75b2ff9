//! Sampling from consistency models, networks whose denoiser leads to the end of the probability
//! flow in one evaluation (Song et al., *Consistency Models*, 2023).

use super::edm::karras_sigmas;
use super::step_table::{Start, Step, StepTable, Update};
use crate::noise::NoiseSchedule;

/// The levels τ₁ > … > τ_N to evaluate at, for a noise schedule of N levels: all but the last of a
/// ρ-grid ([`karras_sigmas`]) of N + 1 levels. At the last, σ_L, the flow has ended.
pub fn sigmas(schedule: &NoiseSchedule, rho: f32) -> Vec<f32> {
    let mut sigmas =
        karras_sigmas(&NoiseSchedule { levels: schedule.levels + 1, ..*schedule }, rho);
    sigmas.truncate(schedule.levels);
    sigmas
}

/// Multistep consistency sampling (Song et al. 2023, algorithm 1): one evaluation leads to the end
/// of the flow, `x ← D(x, τₙ)`; fresh noise takes that to the next level, `x ← x + τₙ₊₁ z`, where
/// the next evaluation improves on it. The last evaluation ends at the image.
///
/// Each level is one row, `x ← x + τₙ² s(x, τₙ) + τₙ₊₁ z`. The paper has `√(τₙ₊₁² − ε²)` for the
/// factor of the noise, because its flow ends at the noise level ε; ours ends at 0.
///
/// Only a network trained for it (`train --consistency`) gives images in one or two evaluations.
/// Others give the mean of all images that x may have come from. (Consistent annealed sampling,
/// [`super::consistent_annealed`], is named alike, but is for every network.)
pub fn consistency(sigmas: &[f32]) -> StepTable {
    let row = |(level, &sigma): (usize, &f32)| {
        let noise = sigmas.get(level + 1).copied().unwrap_or(0.0);
        Step { sigma, update: Update::affine(sigma * sigma, noise), level }
    };
    let steps = sigmas.iter().enumerate().map(row).collect();
    StepTable { start: Start::at_first(sigmas), steps }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::host;
    use crate::toy::GaussianMixture;

    /// The data of a single point has an exact consistency model, its denoiser: every evaluation
    /// leads to the point, and between evaluations a chain has the noise of the next level.
    #[test]
    fn chains_have_the_noise_of_their_level_and_end_at_the_image() {
        let point = GaussianMixture::gaussian(vec![0.3], 0.0);
        let schedule = NoiseSchedule { sigma_max: 20.0, sigma_min: 0.01, levels: 4 };
        let table = consistency(&sigmas(&schedule, 7.0));
        assert_eq!(table.nfe(), 4);
        for done in 1..4 {
            let mut table = table.clone();
            table.steps.truncate(done);
            let x = host::run(&table, &point, 3, 20_000);
            let variance = x.iter().map(|x| (x - 0.3).powi(2)).sum::<f32>() / 20_000.0;
            let ratio = variance / sigmas(&schedule, 7.0)[done].powi(2);
            assert!((ratio - 1.0).abs() < 5.0 * (2.0 / 20_000f32).sqrt(), "{done}: {ratio}");
        }
        let ends = host::run(&table, &point, 3, 10);
        assert!(ends.iter().all(|x| (x - 0.3).abs() < 1e-5), "{ends:?}");
    }

    #[test]
    fn a_grid_ends_above_the_end_of_the_flow() {
        let schedule = |levels| NoiseSchedule { sigma_max: 32.0, sigma_min: 1.0, levels };
        assert_eq!(sigmas(&schedule(1), 5.0), [32.0]);
        let two = sigmas(&schedule(2), 5.0);
        // The fifth roots of 32 and 1 are 2 and 1.
        assert!((two[0] - 32.0).abs() < 1e-3 && (two[1] - 1.5f32.powi(5)).abs() < 1e-4, "{two:?}");
    }
}
