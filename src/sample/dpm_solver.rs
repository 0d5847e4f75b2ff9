//! DPM-Solver++ (Lu et al., *DPM-Solver++: Fast Solver for Guided Sampling of Diffusion
//! Probabilistic Models*, 2022): exponential integrators of the probability flow that use the
//! denoised images of earlier steps again, so a step of second order takes one evaluation.
//!
//! In the paper's symbols, for x̃ = x + σ z: αₜ = 1, λₜ = −ln σₜ, and the data prediction x_θ(x, t) is
//! the denoiser D(x, σ) = x + σ² s(x, σ). A step from level i to i + 1 has `hᵢ = λᵢ₊₁ − λᵢ`, so
//! `e^(−hᵢ) = σᵢ₊₁/σᵢ`, and `rᵢ = hᵢ₋₁/hᵢ`.

use super::step_table::{Start, Step, StepTable, Update};

/// DPM-Solver++(2M), algorithm 2:
///
/// `x ← e^(−hᵢ) x + (1 − e^(−hᵢ)) ((1 + 1/(2rᵢ)) D − 1/(2rᵢ) D₋₁)`,
///
/// where D is the denoised image of this step, D₋₁ that of the step before. The factors of x and of
/// the denoised images add up to 1, so with `w = 1 − e^(−hᵢ)` this is the row
///
/// `x ← x + w (1 + 1/(2rᵢ)) σᵢ² s − w/(2rᵢ) (D₋₁ − x)`.
///
/// The first step has no D₋₁, and in the last, to σ = 0, `1/(2r)` is infinite, as h is: both are taken
/// at first order, and the last leads to D.
///
/// For the levels 4, 2 and 1:
///
/// | row | σ | update |
/// |---|---|---|
/// | 0 | 4 | `x ← x + 8 s`, half of the way to D |
/// | 1 | 2 | `x ← x + 3 s − ¼ (D₋₁ − x)` |
/// | 2 | 1 | `x ← x + 1 s`, which is D |
pub fn dpm_solver_pp(sigmas: &[f32]) -> StepTable {
    multistep(sigmas, |ratio| (1.0 - ratio, 0.0))
}

/// SDE-DPM-Solver++(2M), the same for the reverse diffusion instead of the flow: the chain goes
/// further toward the denoised images, `w = 1 − e^(−2hᵢ)`, and draws as much noise as takes it back
/// to σᵢ₊₁, `σᵢ₊₁ √(1 − e^(−2hᵢ))`.
///
/// Without the terms of second order this is [ancestral sampling](super::score_sde::ancestral).
pub fn sde_dpm_solver_pp(sigmas: &[f32]) -> StepTable {
    multistep(sigmas, |ratio| {
        let w = (1.0 - ratio) * (1.0 + ratio);
        (w, ratio * w.sqrt())
    })
}

/// The rows of either. `way` maps `σᵢ₊₁/σᵢ` to w and to the deviation of the noise over σᵢ.
fn multistep(sigmas: &[f32], way: fn(f64) -> (f64, f64)) -> StepTable {
    let mut steps = Vec::with_capacity(sigmas.len());
    // hᵢ₋₁, unknown before the first step.
    let mut h_last = None;
    for (level, &sigma) in sigmas.iter().enumerate() {
        let next = sigmas.get(level + 1).copied().unwrap_or(0.0);
        let ratio = f64::from(next) / f64::from(sigma);
        let h = -ratio.ln();
        let (w, noise) = way(ratio);
        // w/(2rᵢ); hᵢ is infinite in the last step.
        let back = h_last
            .filter(|&last| next > 0.0 && last > 0.0)
            .map_or(0.0, |h_last: f64| 0.5 * w * h / h_last);
        let drift = ((w + back) * f64::from(sigma).powi(2)) as f32;
        let noise = (noise * f64::from(sigma)) as f32;
        let update = Update::Multistep { drift, earlier: [-back as f32, 0.0], noise };
        steps.push(Step { sigma, update, level });
        h_last = Some(h);
    }
    StepTable { start: Start::at_first(sigmas), steps }
}

#[cfg(test)]
mod tests {
    use super::super::score_sde::ancestral;
    use super::*;

    /// The table in the documentation of [`dpm_solver_pp`].
    #[test]
    fn three_levels_are_three_rows() {
        let row = |drift, back| Update::Multistep { drift, earlier: [back, 0.0], noise: 0.0 };
        let rows = dpm_solver_pp(&[4.0, 2.0, 1.0]).steps;
        let rows: Vec<_> = rows.iter().map(|row| (row.sigma, row.update)).collect();
        assert_eq!(rows, [(4.0, row(8.0, -0.0)), (2.0, row(3.0, -0.25)), (1.0, row(1.0, -0.0))]);
    }

    /// The first step of the stochastic solver is one of ancestral sampling.
    #[test]
    fn the_first_order_of_the_stochastic_solver_is_ancestral() {
        let sigmas = [5.0, 2.0, 0.3];
        let (steps, ancestral) = (sde_dpm_solver_pp(&sigmas).steps, ancestral(&sigmas).steps);
        for index in [0, 2] {
            let Update::Multistep { drift, earlier, noise } = steps[index].update else { panic!() };
            let Update::Affine { drift: d, previous, noise: n } = ancestral[index].update else {
                panic!()
            };
            assert_eq!((earlier, previous), ([0.0; 2], 0.0));
            assert!((drift / d - 1.0).abs() < 1e-6 && (noise - n).abs() < 1e-6 * (1.0 + n));
        }
    }
}
