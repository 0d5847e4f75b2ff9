//! Langevin dynamics: walk uphill on log q_σ, with noise (Song & Ermon, *Generative Modeling by
//! Estimating Gradients of the Data Distribution*, 2019).

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
