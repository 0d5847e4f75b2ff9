//! The samplers of Karras et al., *Elucidating the Design Space of Diffusion-Based Generative
//! Models* (EDM, 2022), which spend their steps where the probability flow bends.

use serde::{Deserialize, Serialize};

use super::step_table::{Start, Step, StepTable, Update};
use crate::noise::NoiseSchedule;

/// How much noise the stochastic sampler adds before each step, which removes it again: mistakes
/// are forgotten with the noise (Karras et al. 2022, algorithm 2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Churn {
    /// S_churn ≥ 0: σ grows by the factor `1 + min(S_churn/N, √2 − 1)` for N levels.
    #[serde(rename = "amount")]
    pub s_churn: f32,
    /// S_tmin: only noise levels from here …
    #[serde(rename = "min")]
    pub s_tmin: f32,
    /// S_tmax: … to here are churned.
    #[serde(rename = "max")]
    pub s_tmax: f32,
    /// S_noise: the deviation of the noise; slightly more than 1 makes up for a network that
    /// removes too much.
    #[serde(rename = "noise")]
    pub s_noise: f32,
}

impl Churn {
    /// No churn: algorithm 1, Heun's method on the probability flow.
    pub const NONE: Self = Self { s_churn: 0.0, s_tmin: 0.0, s_tmax: f32::MAX, s_noise: 1.0 };

    /// γᵢ: at a level σ grows by the factor 1 + γᵢ.
    fn gamma(&self, sigma: f32, levels: usize) -> f32 {
        if !(self.s_tmin..=self.s_tmax).contains(&sigma) {
            return 0.0;
        }
        (self.s_churn / levels as f32).min(2f32.sqrt() - 1.0)
    }
}

/// The ρ-grid (equation 5): levels whose ρ-th roots are evenly spaced between those of σ₁ and
/// σ_L, denser towards σ_L the larger ρ is. A single level is σ₁.
pub fn karras_sigmas(schedule: &NoiseSchedule, rho: f32) -> Vec<f32> {
    let NoiseSchedule { sigma_max, sigma_min, levels } = *schedule;
    // Via logarithms, as noise schedules are computed.
    let rho = f64::from(rho);
    let root = |sigma: f32| (f64::from(sigma).ln() / rho).exp();
    let step = (root(sigma_min) - root(sigma_max)) / (levels.max(2) - 1) as f64;
    let sigma = |i: usize| (rho * (root(sigma_max) + i as f64 * step).ln()).exp() as f32;
    (0..levels).map(sigma).collect()
}

/// Heun's method on the probability-flow ODE, with churn (algorithm 2; without it algorithm 1).
///
/// With `d = −σ s(x, σ)` the paper's step from σ̂ to σ' is `x' = x + (σ' − σ̂) d`, and then
/// `x + (σ' − σ̂) (d + d')/2`, which is `x' + ½ (σ̂ − σ') (σ' s(x', σ') − σ̂ s(x, σ̂))`: it uses
/// the score of the step before again. The last step, to σ = 0, is Euler's. The noise that takes x
/// from σ to σ̂ is drawn by the step before, or is part of the start.
pub fn heun(sigmas: &[f32], churn: Churn) -> StepTable {
    let mut start_sigma = sigmas.first().copied().unwrap_or(1.0);
    let mut steps: Vec<Step> = Vec::with_capacity(2 * sigmas.len());
    let nexts = sigmas.iter().skip(1).copied().chain([0.0]);
    for (level, (&sigma, next)) in sigmas.iter().zip(nexts).enumerate() {
        let gamma = churn.gamma(sigma, sigmas.len());
        let raised = sigma * (1.0 + gamma);
        // √(σ̂² − σ²), without subtracting nearly equal numbers.
        let added = churn.s_noise * sigma * (gamma * (2.0 + gamma)).sqrt();
        match steps.last_mut().map(|step| &mut step.update) {
            Some(Update::Affine { noise, .. }) => *noise = added,
            _ => start_sigma = start_sigma.hypot(added),
        }
        let length = raised - next;
        let update = Update::affine(length * raised, 0.0);
        steps.push(Step { sigma: raised, update, level });
        if next > 0.0 {
            let (drift, previous) = (0.5 * length * next, -0.5 * length * raised);
            let update = Update::Affine { drift, previous, noise: 0.0 };
            steps.push(Step { sigma: next, update, level: level + 1 });
        }
    }
    StepTable { start: Start::noise(start_sigma), steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cards and links have these names.
    #[test]
    fn churn_keeps_its_names_in_files() {
        let json = r#"{"amount":40.0,"min":0.1,"max":10.0,"noise":1.0}"#;
        let churn: Churn = serde_json::from_str(json).expect("the names are known");
        assert_eq!(
            (churn.s_churn, churn.s_tmin, churn.s_tmax, churn.s_noise),
            (40.0, 0.1, 10.0, 1.0)
        );
        assert_eq!(serde_json::to_string(&churn).expect("plain data"), json);
    }
}
