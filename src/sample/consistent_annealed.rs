//! Consistent annealed sampling.

use super::step_table::{Start, Step, StepTable, Update};

/// Consistent annealed sampling (Jolicoeur-Martineau et al. 2020, *Adversarial Score Matching and
/// Improved Sampling*, algorithm 3): one step per level, with as much fresh noise as takes a chain
/// from variance σᵢ² to exactly σᵢ₊₁²:
/// `x ← x + η σᵢ² s(x, σᵢ) + β σᵢ₊₁ z` with `β = √(1 − (1 − η)² γ²)` and `γ = σᵢ/σᵢ₊₁`.
///
/// `η` is `step_lr/σ_L²` of annealed Langevin. `1 − 1/γ ≤ η ≤ 1` keeps β real; an `η` outside is
/// clamped, so that levels and σ_L can change without ε. `η = 1` replaces all noise at every level;
/// `η = 1 − 1/γ` draws none, which is Euler's method on the ODE. The last level takes `x` to its
/// denoised mean.
///
/// `sigmas` are the noise levels, largest first. A level of σ = 0 leaves chains where they are.
pub fn consistent_annealed(sigmas: &[f32], eta: f32) -> StepTable {
    let start = Start::at_first(sigmas);
    let step = |(level, pair): (usize, &[f32])| {
        let (sigma, next) = (pair[0], pair[1]);
        let gamma = sigma / next;
        // Not `clamp`, which panics at the NaN that 0/0 is.
        let eta = eta.max(1.0 - 1.0 / gamma).min(1.0);
        let beta = (1.0 - ((1.0 - eta) * gamma).powi(2)).max(0.0).sqrt();
        Step { sigma, update: Update::affine(eta * sigma * sigma, beta * next), level }
    };
    let mut steps: Vec<Step> = sigmas.windows(2).enumerate().map(step).collect();
    if let Some(&sigma) = sigmas.last() {
        let update = Update::affine(sigma * sigma, 0.0);
        steps.push(Step { sigma, update, level: sigmas.len() - 1 });
    }
    StepTable { start, steps }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::host;
    use crate::noise::NoiseSchedule;
    use crate::toy::GaussianMixture;

    /// For data at a single point the chain's variance is σᵢ² at every level, exactly.
    #[test]
    fn the_noise_that_is_left_is_what_the_next_level_expects() {
        let point = GaussianMixture::gaussian(vec![0.5], 0.0);
        let sigmas = NoiseSchedule { sigma_max: 10.0, sigma_min: 0.1, levels: 12 }.sigmas();
        let n = 20_000;
        // The first and the last η are out of range, and are clamped.
        for eta in [0.0, 0.5, 1.0, 5.0] {
            let mut table = consistent_annealed(&sigmas, eta);
            table.steps.truncate(7);
            let x = host::run(&table, &point, 5, n);
            let variance = x.iter().map(|x| (x - 0.5).powi(2)).sum::<f32>() / n as f32;
            let ratio = variance / sigmas[7].powi(2);
            assert!((ratio - 1.0).abs() < 5.0 * (2.0 / n as f32).sqrt(), "η = {eta}: {ratio}");
        }
    }
}
