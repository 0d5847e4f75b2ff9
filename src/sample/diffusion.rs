//! Samplers of the variance-exploding diffusion `dx = √(dσ²/dt) dw` run backwards (Song et al.,
//! *Score-Based Generative Modeling through Stochastic Differential Equations*, 2021).

use super::program::{Program, Start, Step, Update};

/// Ancestral sampling, the exact reverse of adding noise when the denoiser is (Song et al. 2021,
/// appendix F): `x ← x + (σᵢ² − σᵢ₊₁²) s(x, σᵢ) + √(σᵢ₊₁² (σᵢ² − σᵢ₊₁²)/σᵢ²) z`.
pub fn reverse_diffusion(sigmas: &[f32]) -> Program {
    downwards(sigmas, |sigma, next| {
        let removed = sigma * sigma - next * next;
        (removed, next * removed.sqrt() / sigma)
    })
}

/// Euler's method on the probability-flow ODE `dx/dσ = −σ s(x, σ)` (Song et al. 2021, equation 13;
/// for this process the same as DDIM): `x ← x + σᵢ (σᵢ − σᵢ₊₁) s(x, σᵢ)`. No noise but the start's.
pub fn probability_flow(sigmas: &[f32]) -> Program {
    downwards(sigmas, |sigma, next| (sigma * (sigma - next), 0.0))
}

/// One step a level, from σ₁ down to 0; `step` maps (σᵢ, σᵢ₊₁) to (drift, noise).
fn downwards(sigmas: &[f32], step: impl Fn(f32, f32) -> (f32, f32)) -> Program {
    let start = Start::Normal { mean: 0.5, sigma: sigmas.first().copied().unwrap_or(1.0) };
    let nexts = sigmas.iter().skip(1).copied().chain([0.0]);
    let steps = sigmas.iter().zip(nexts).enumerate().map(|(level, (&sigma, next))| {
        let (drift, noise) = step(sigma, next);
        Step { sigma, update: Update::affine(drift, noise), level }
    });
    Program { start, steps: steps.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::host;
    use super::*;
    use crate::noise::Ladder;
    use crate::toy::GaussianMixture;

    fn moments(program: &Program, density: &GaussianMixture, n: usize) -> (f64, f64) {
        let x = host::run(program, density, 9, n);
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
        let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n as f64;
        (mean, variance)
    }

    #[test]
    fn both_reach_a_gaussian_from_far_noise() {
        let gaussian = GaussianMixture::gaussian(vec![0.7], 0.3);
        let sigmas = Ladder { sigma_max: 20.0, sigma_min: 0.01, levels: 400 }.sigmas();
        let n = 20_000;
        for program in [reverse_diffusion(&sigmas), probability_flow(&sigmas)] {
            let (mean, variance) = moments(&program, &gaussian, n);
            // The start's mean, ½ instead of 0.7, is forgotten as σ_d/σ₁; the steps are finite.
            assert!((mean - 0.7).abs() < 0.02, "{mean}");
            assert!((variance - 0.09).abs() < 0.006, "{variance}");
        }
    }

    /// Halving the steps of Euler's method halves its error: order one.
    #[test]
    fn eulers_method_is_of_first_order() {
        let gaussian = GaussianMixture::gaussian(vec![0.0], 1.0);
        // The flow maps x at σ₁ to x/√(1 + σ₁²); one chain started at N(½, …) shows the error.
        let error = |levels| {
            let sigmas = Ladder { sigma_max: 8.0, sigma_min: 0.02, levels }.sigmas();
            let program = probability_flow(&sigmas);
            let x0 = host::start(&program, 1, 2, 1)[0];
            let x = host::run(&program, &gaussian, 2, 1)[0];
            f64::from((x - x0 / 65f32.sqrt()).abs())
        };
        let order = (error(50) / error(100)).log2();
        assert!((0.8..1.2).contains(&order), "{order}");
    }
}
