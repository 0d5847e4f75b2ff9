//! Samplers of the variance-exploding diffusion `dx = √(dσ²/dt) dw` run backwards (Song et al.,
//! *Score-Based Generative Modeling through Stochastic Differential Equations*, 2021).

use super::step_table::{Start, Step, StepTable, Update};

/// Reverse diffusion: the reverse equation, discretized like the forward one (Song et al. 2021,
/// appendix E): `x ← x + (σᵢ² − σᵢ₊₁²) s(x, σᵢ) + √(σᵢ² − σᵢ₊₁²) z`. The last step draws no noise.
pub fn reverse_diffusion(sigmas: &[f32]) -> StepTable {
    predictor_corrector(sigmas, 0, 0.0)
}

/// Predictor–corrector sampling (Song et al. 2021, algorithm 2): a step of reverse diffusion
/// predicts the next level, and `corrections` Langevin steps with the signal-to-noise ratio `snr`
/// (algorithm 4, [`Update::Corrector`]) correct its errors. The start is not corrected, because it
/// has exactly the noise of its level; nor is the last step, which removes the remaining noise.
pub fn predictor_corrector(sigmas: &[f32], corrections: usize, snr: f32) -> StepTable {
    downwards(sigmas, &|sigma, next| {
        let removed = sigma * sigma - next * next;
        let (noise, corrections) =
            if next > 0.0 { (removed.sqrt(), corrections) } else { (0.0, 0) };
        let mut steps = vec![(sigma, Update::affine(removed, noise))];
        steps.resize(1 + corrections, (next, Update::Corrector { snr }));
        steps
    })
}

/// Ancestral sampling: like reverse diffusion, but with the noise of the exact reverse of adding
/// noise, so that a chain is left with exactly σᵢ₊₁² (Song et al. 2021, appendix F):
/// `x ← x + (σᵢ² − σᵢ₊₁²) s(x, σᵢ) + √(σᵢ₊₁² (σᵢ² − σᵢ₊₁²)/σᵢ²) z`.
pub fn ancestral(sigmas: &[f32]) -> StepTable {
    downwards(sigmas, &|sigma, next| {
        let removed = sigma * sigma - next * next;
        vec![(sigma, Update::affine(removed, next * removed.sqrt() / sigma))]
    })
}

/// Euler's method on the probability-flow ODE `dx/dσ = −σ s(x, σ)` (Song et al. 2021, equation 13;
/// for this process the same as DDIM): `x ← x + σᵢ (σᵢ − σᵢ₊₁) s(x, σᵢ)`. Only the start draws
/// noise.
pub fn euler(sigmas: &[f32]) -> StepTable {
    downwards(sigmas, &|sigma, next| vec![(sigma, Update::affine(sigma * (sigma - next), 0.0))])
}

/// From `N(½, σ₁²)` at σ₁ down to 0. `steps` maps (σᵢ, σᵢ₊₁) to the updates that lead from one to
/// the other, each with the σ of its score.
fn downwards(sigmas: &[f32], steps: &dyn Fn(f32, f32) -> Vec<(f32, Update)>) -> StepTable {
    let mut table = StepTable { start: Start::at_first(sigmas), steps: Vec::new() };
    for (level, &sigma) in sigmas.iter().enumerate() {
        let next = sigmas.get(level + 1).copied().unwrap_or(0.0);
        for (at, update) in steps(sigma, next) {
            // Corrections evaluate the score at the next level.
            let level = level + usize::from(at < sigma);
            table.steps.push(Step { sigma: at, update, level });
        }
    }
    table
}
