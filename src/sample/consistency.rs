//! Sampling from consistency models, networks whose denoiser leads to the end of the probability
//! flow in one evaluation (Song et al., *Consistency Models*, 2023).

use super::step_table::{Start, Step, StepTable, Update};
/// The levels to evaluate at.
pub use crate::noise::karras::consistency_sigmas as sigmas;

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
    use crate::noise::NoiseSchedule;
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
}
