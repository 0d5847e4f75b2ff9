//! Langevin dynamics: walk uphill on log q_σ, with noise.

use super::step_table::{Start, Step, StepTable, Update};

/// Annealed Langevin dynamics (Song & Ermon 2019, algorithm 1): for each σᵢ from the largest down,
/// `steps_each` steps of `x ← x + αᵢ s(x, σᵢ) + √(2αᵢ) z` with `αᵢ = step_lr · σᵢ²/σ_L²`.
///
/// The paper writes `α/2` and `√α`; this is the form of its published code, whose ε (`step_lr`) is
/// half of the paper's. Chains begin at the first level's density, `N(½, σ₁²)`. The paper begins
/// uniformly in the unit cube, a mere point to a σ₁ that covers the space.
pub fn annealed(sigmas: &[f32], steps_each: usize, step_lr: f32) -> StepTable {
    let smallest = sigmas.last().copied().unwrap_or(1.0);
    let mut steps = Vec::with_capacity(sigmas.len() * steps_each);
    for (level, &sigma) in sigmas.iter().enumerate() {
        let alpha = step_lr * (sigma / smallest).powi(2);
        let update = Update::affine(alpha, (2.0 * alpha).sqrt());
        let step = Step { sigma, update, level };
        steps.extend(std::iter::repeat_n(step, steps_each));
    }
    StepTable { start: Start::at_first(sigmas), steps }
}

/// The a of [`exact`] for so many steps at each of so many levels: it adds up to 50 over all steps,
/// and is at most ¼.
///
/// The sum says how often a chain's noise is replaced on its way; `docs/quality.md` has the
/// measurements.
pub fn exact_step(levels: usize, steps_each: usize) -> f64 {
    (50.0 / (levels as f64 * steps_each as f64)).min(0.25)
}

/// Annealed Langevin dynamics that leaves a chain with exactly the noise of its level: T =
/// `steps_each` steps of `x ← x + a σᵢ² s(x, σᵢ) + √(2a − a²) σᵢ z` for each σᵢ, with `0 < a ≤ 1`.
///
/// Near an image y the score is −(x − y)/σ², so a step with the drift a σ² and the noise n z takes
/// the variance v of x − y to `(1 − a)² v + n²`. It stays σ² if `n² = (2a − a²) σ²`, for steps of
/// any size. Algorithm 1 of [`annealed`] has `n² = 2a σ²`, which is right for infinitely small
/// steps and otherwise ends at σ²/(1 − a/2): more noise than the network expects.
///
/// For the same reason the last step of a level draws only as much noise as leaves the variance of
/// the *next* level, `n² = σᵢ₊₁² − (1 − a)² σᵢ²`; algorithm 1 starts each level with the noise of
/// the one before. Where a < 1 − σᵢ₊₁/σᵢ even no noise at all would leave too much, and that step's
/// drift is larger. With T = 1 this is [consistent annealed sampling](super::consistent_annealed).
pub fn exact(sigmas: &[f32], steps_each: usize, a: f32) -> StepTable {
    let mut steps = Vec::with_capacity(sigmas.len() * steps_each);
    for (level, &sigma) in sigmas.iter().enumerate() {
        let next = sigmas.get(level + 1).copied().unwrap_or(sigma);
        let to = |next: f32| {
            let a = a.clamp(1.0 - next / sigma, 1.0);
            // σᵢ₊₁² − (1 − a)² σᵢ², without subtracting nearly equal numbers.
            let noise2 = a * (2.0 - a) * sigma * sigma - (sigma - next) * (sigma + next);
            let update = Update::affine(a * sigma * sigma, noise2.max(0.0).sqrt());
            Step { sigma, update, level }
        };
        steps.extend(std::iter::repeat_n(to(sigma), steps_each.saturating_sub(1)));
        steps.push(to(next));
    }
    StepTable { start: Start::at_first(sigmas), steps }
}

/// Langevin dynamics at a single noise level: `x ← x + ε s(x, σ) + √(2ε) z` (Song & Ermon 2019,
/// equation 4, in the form of [`annealed`]). The baseline, which does not find its way between
/// modes.
pub fn plain(start: Start, sigma: f32, steps: usize, step_lr: f32) -> StepTable {
    let update = Update::affine(step_lr, (2.0 * step_lr).sqrt());
    let step = Step { sigma, update, level: 0 };
    StepTable { start, steps: vec![step; steps] }
}

#[cfg(test)]
mod tests {
    use super::super::consistent_annealed::consistent_annealed;
    use super::*;
    use crate::backend::host;
    use crate::noise::NoiseSchedule;
    use crate::toy::GaussianMixture;

    const CHAINS: usize = 4_000;

    fn share_at_the_upper_mode(table: &StepTable) -> f64 {
        let x = host::run(table, &GaussianMixture::two_modes(), 1, CHAINS);
        let upper = x.chunks_exact(2).filter(|x| x[0] + x[1] > 0.0).count();
        upper as f64 / CHAINS as f64
    }

    /// Song & Ermon 2019, figure 3: the truth is 0.80; plain Langevin keeps the halves of the
    /// start.
    #[test]
    fn annealing_recovers_the_weights_of_modes_and_plain_langevin_does_not() {
        let everywhere = Start::Uniform { low: -8.0, high: 8.0 };
        // ε = 0.1 of the paper's form, σ = 0: the exact score of the data itself.
        let plain = share_at_the_upper_mode(&plain(everywhere, 0.0, 1_000, 0.05));
        assert!((0.45..0.60).contains(&plain), "plain Langevin: {plain}");

        let sigmas = NoiseSchedule { sigma_max: 20.0, sigma_min: 1.0, levels: 10 }.sigmas();
        let mut annealed = annealed(&sigmas, 100, 0.05);
        annealed.start = everywhere;
        let annealed = share_at_the_upper_mode(&annealed);
        assert!((0.75..0.82).contains(&annealed), "annealed Langevin: {annealed}");
    }

    /// The variance of chains over σ², for data at a single point, after each step of a step table:
    /// exactly, because then every chain follows x − y ← (1 − drift/σ²) (x − y) + noise z.
    fn variances(table: &StepTable) -> Vec<f64> {
        let Start::Normal { sigma, .. } = table.start else { panic!("it starts with noise") };
        let mut variance = f64::from(sigma).powi(2);
        let each = (0..).zip(&table.steps).map(|(index, step)| {
            let Update::Affine { drift, previous: 0.0, noise } = step.update else {
                panic!("Langevin steps neither look back nor measure")
            };
            let (drift, sigma) = (f64::from(drift), f64::from(step.sigma));
            variance =
                (1.0 - drift / (sigma * sigma)).powi(2) * variance + f64::from(noise).powi(2);
            // The next step's level is the one whose noise it should have.
            let next = table.steps.get(index + 1).map_or(sigma, |next| f64::from(next.sigma));
            variance / (next * next)
        });
        each.collect()
    }

    #[test]
    fn exact_steps_leave_the_variance_of_the_level_whatever_their_size() {
        let sigmas = NoiseSchedule { sigma_max: 20.0, sigma_min: 0.01, levels: 30 }.sigmas();
        for steps_each in [1, 2, 3, 10] {
            for a in [1e-4, 0.01, 0.128, 0.5, 0.9, 1.0] {
                let table = exact(&sigmas, steps_each, a);
                assert_eq!(table.nfe(), 30 * steps_each);
                for (step, ratio) in variances(&table).into_iter().enumerate() {
                    assert!((ratio - 1.0).abs() < 1e-3, "a = {a}, step {step}: {ratio}");
                }
                // The published form has too much: at first the noise of the level before, and in
                // the end that of its finite steps.
                let published = variances(&annealed(&sigmas, steps_each, a * 1e-4));
                let last = published[published.len() - 1];
                assert!(last >= 0.999 / (1.0 - f64::from(a) / 2.0), "a = {a}: {last}");
                assert!(last > 1.02, "a = {a}: {last}");
            }
        }
    }

    /// The same, as chains do it.
    #[test]
    fn chains_of_exact_steps_have_the_noise_of_their_level() {
        let point = GaussianMixture::gaussian(vec![0.5], 0.0);
        let sigmas = NoiseSchedule { sigma_max: 10.0, sigma_min: 0.1, levels: 12 }.sigmas();
        for (a, done) in [(0.02, 7), (0.3, 14), (0.3, 36), (1.0, 20)] {
            let mut table = exact(&sigmas, 3, a);
            let sigma = table.steps.get(done).map_or(0.1, |step| step.sigma);
            table.steps.truncate(done);
            let x = host::run(&table, &point, 5, CHAINS);
            let variance = x.iter().map(|x| (x - 0.5).powi(2)).sum::<f32>() / CHAINS as f32;
            let ratio = variance / (sigma * sigma);
            let chance = 5.0 * (2.0 / CHAINS as f32).sqrt();
            assert!((ratio - 1.0).abs() < chance, "a = {a}, {done} steps: {ratio}");
        }
    }

    #[test]
    fn one_exact_step_per_level_is_consistent_annealed_sampling() {
        let sigmas = NoiseSchedule { sigma_max: 20.0, sigma_min: 0.01, levels: 50 }.sigmas();
        let (exact, consistent) = (exact(&sigmas, 1, 0.2), consistent_annealed(&sigmas, 0.2));
        for (a, b) in exact.steps.iter().zip(&consistent.steps).take(49) {
            let (Update::Affine { drift, noise, .. }, Update::Affine { drift: d, noise: n, .. }) =
                (a.update, b.update)
            else {
                panic!("both are known beforehand")
            };
            assert!((drift / d - 1.0).abs() < 1e-6 && (noise / n - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn small_steps_at_one_level_reach_its_gaussian() {
        let gaussian = GaussianMixture::gaussian(vec![2.0], 1.5);
        let start = Start::Normal { mean: 0.0, sigma: 1.0 };
        let x = host::run(&plain(start, 2.0, 400, 0.1), &gaussian, 3, CHAINS);
        let n = CHAINS as f64;
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
        // τ² + σ² = 6.25, widened by the finite step to 6.25/(1 − ε/(2 · 6.25)).
        assert!((mean - 2.0).abs() < 5.0 * 2.5 / n.sqrt(), "{mean}");
        assert!((variance - 6.30).abs() < 5.0 * 6.3 * (2.0 / n).sqrt(), "{variance}");
    }
}
