//! Langevin dynamics whose noise is exact for steps of any size. It comes from no paper, so its
//! derivation is here.
//!
//! Near an image y the score is −(x − y)/σ², so a step with the drift a σ² and the noise n z takes
//! the variance v of x − y to `(1 − a)² v + n²`. It stays σ² if `n² = (2a − a²) σ²`, for steps of
//! any size. Algorithm 1 of Song & Ermon 2019 ([`annealed`](super::langevin::annealed)) has
//! `n² = 2a σ²`, which is right for infinitely small steps and otherwise ends at σ²/(1 − a/2): more
//! noise than the network was trained for at σ.
//!
//! For the same reason the last step of a level draws only as much noise as leaves the variance of
//! the *next* level, `n² = σᵢ₊₁² − (1 − a)² σᵢ²`; algorithm 1 starts each level with the noise of
//! the one before. Where a < 1 − σᵢ₊₁/σᵢ even no noise at all would leave too much, and that step's
//! drift is larger. With T = 1 this is [consistent annealed sampling](super::consistent_annealed).

use super::step_table::{Start, Step, StepTable, Update};

/// The a of [`exact_langevin`] for so many steps at each of so many levels: it adds up to 50 over all
/// steps, and is at most ¼.
///
/// The sum says how often a chain's noise is replaced on its way; `docs/quality.md` has the
/// measurements.
pub fn exact_step(levels: usize, steps_each: usize) -> f64 {
    (50.0 / (levels as f64 * steps_each as f64)).min(0.25)
}

/// Annealed Langevin dynamics that leaves a chain with exactly the noise of its level: T =
/// `steps_each` steps of `x ← x + a σᵢ² s(x, σᵢ) + √(2a − a²) σᵢ z` for each σᵢ, with `0 < a ≤ 1`.
///
/// `sigmas` are the noise levels, largest first. The last step of each draws less noise, as the next
/// level needs it ([why](self)). A level of σ = 0 leaves chains where they are.
pub fn exact_langevin(sigmas: &[f32], steps_each: usize, a: f32) -> StepTable {
    let mut steps = Vec::with_capacity(sigmas.len() * steps_each);
    for (level, &sigma) in sigmas.iter().enumerate() {
        let next = sigmas.get(level + 1).copied().unwrap_or(sigma);
        let to = |next: f32| {
            // Not `clamp`, which panics at the NaN that 0/0 is.
            let a = a.max(1.0 - next / sigma).min(1.0);
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

#[cfg(test)]
mod tests {
    use super::super::consistent_annealed::consistent_annealed;
    use super::super::langevin::annealed;
    use super::*;
    use crate::backend::host;
    use crate::noise::NoiseSchedule;
    use crate::toy::GaussianMixture;

    const CHAINS: usize = 4_000;

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
                let table = exact_langevin(&sigmas, steps_each, a);
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
            let mut table = exact_langevin(&sigmas, 3, a);
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
        let (exact, consistent) =
            (exact_langevin(&sigmas, 1, 0.2), consistent_annealed(&sigmas, 0.2));
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
    fn at_a_level_of_zero_nothing_moves() {
        let stays = |table: StepTable| {
            let last = table.steps.last().expect("it has steps");
            assert_eq!((last.sigma, last.update), (0.0, Update::affine(0.0, 0.0)));
        };
        stays(exact_langevin(&[1.0, 0.0], 2, 0.2));
        stays(exact_langevin(&[0.0], 1, 1.0));
        stays(consistent_annealed(&[1.0, 0.0, 0.0], 0.2));
    }
}
