//! Noise levels on a ρ-grid, which spends more of them on small σ than a geometric schedule does
//! (Karras et al., *Elucidating the Design Space of Diffusion-Based Generative Models*, 2022).

use super::NoiseSchedule;

/// The ρ-grid (Karras et al. 2022, equation 5): levels whose ρ-th roots are evenly spaced between
/// those of σ₁ and σ_L, denser toward σ_L the larger ρ is. A single level is σ₁.
///
/// The schedule gives the ends and the number of levels, which may be 0; `rho` is at least 1. The
/// levels come largest first.
pub fn karras_sigmas(schedule: &NoiseSchedule, rho: f32) -> Vec<f32> {
    let NoiseSchedule { sigma_max, sigma_min, levels } = *schedule;
    // Powers by logarithms, which noise schedules use, too: `powf` would add 1 kB to the page.
    let power = |base: f64, exponent: f64| (exponent * base.ln()).exp();
    let rho = f64::from(rho);
    let root = |sigma: f32| power(sigma.into(), rho.recip());
    let step = (root(sigma_min) - root(sigma_max)) / (levels.max(2) - 1) as f64;
    let sigma = |i: usize| power(root(sigma_max) + i as f64 * step, rho) as f32;
    (0..levels).map(sigma).collect()
}

/// The levels τ₁ > … > τ_N at which consistency models are evaluated (Song et al., *Consistency
/// Models*, 2023, algorithm 1), for a noise schedule of N levels: all but the last of a ρ-grid
/// ([`karras_sigmas`]) of N + 1 levels. At the last, σ_L, the probability flow has ended.
pub fn consistency_sigmas(schedule: &NoiseSchedule, rho: f32) -> Vec<f32> {
    let levels = schedule.levels.saturating_add(1);
    let mut sigmas = karras_sigmas(&NoiseSchedule { levels, ..*schedule }, rho);
    sigmas.truncate(schedule.levels);
    sigmas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(levels: usize) -> NoiseSchedule {
        NoiseSchedule { sigma_max: 32.0, sigma_min: 1.0, levels }
    }

    #[test]
    fn roots_are_evenly_spaced_between_the_ends() {
        let found = karras_sigmas(&schedule(3), 5.0);
        // The fifth roots of 32 and 1 are 2 and 1.
        let expected = [32.0, 1.5f32.powi(5), 1.0];
        assert_eq!(found.len(), 3);
        assert!(found.iter().zip(expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-5), "{found:?}");
        assert_eq!(karras_sigmas(&schedule(1), 5.0), [32.0]);
        assert!(karras_sigmas(&schedule(0), 5.0).is_empty());
    }

    #[test]
    fn a_grid_ends_above_the_end_of_the_flow() {
        assert_eq!(consistency_sigmas(&schedule(1), 5.0), [32.0]);
        let two = consistency_sigmas(&schedule(2), 5.0);
        assert!((two[0] - 32.0).abs() < 1e-3 && (two[1] - 1.5f32.powi(5)).abs() < 1e-4, "{two:?}");
    }
}
