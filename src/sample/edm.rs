//! The samplers of Karras et al., *Elucidating the Design Space of Diffusion-Based Generative
//! Models* (EDM, 2022), which spend their steps where the probability flow bends.

use serde::{Deserialize, Serialize};

use super::bounds;
use super::step_table::{Start, Step, StepTable, Update};
/// The levels that these samplers usually go through.
pub use crate::noise::karras::karras_sigmas;

/// How much noise the stochastic sampler adds before each step, which removes it again: mistakes
/// are forgotten with the noise (Karras et al. 2022, algorithm 2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Churn {
    /// S_churn ≥ 0: σ grows by the factor `1 + min(S_churn/N, √2 − 1)` for N levels.
    #[serde(rename = "amount")]
    pub s_churn: f32,
    /// S_tmin: only noise levels from here …
    #[serde(rename = "min", serialize_with = "bounds::serialize")]
    pub s_tmin: f32,
    /// S_tmax: … to here are churned.
    #[serde(rename = "max", serialize_with = "bounds::serialize")]
    pub s_tmax: f32,
    /// S_noise: the deviation of the noise; slightly more than 1 makes up for a network that
    /// removes too much.
    #[serde(rename = "noise")]
    pub s_noise: f32,
}

impl Churn {
    /// No churn: algorithm 1, Heun's method on the probability flow.
    pub const NONE: Self = Self { s_churn: 0.0, s_tmin: 0.0, s_tmax: f32::MAX, s_noise: 1.0 };

    /// γᵢ: at a level σ grows by the factor 1 + γᵢ; `levels` is N.
    fn gamma(&self, sigma: f32, levels: usize) -> f32 {
        if !(self.s_tmin..=self.s_tmax).contains(&sigma) {
            return 0.0;
        }
        (self.s_churn / levels as f32).min(2f32.sqrt() - 1.0)
    }
}

/// Heun's method on the probability-flow ODE, with churn (algorithm 2; without it algorithm 1).
///
/// In the paper's symbols, with `d = −t s(x, t)`, a step from `t̂ᵢ` to `tᵢ₊₁` is Euler's,
/// `x' = x̂ + (tᵢ₊₁ − t̂ᵢ) d`, then the correction to `x̂ + (tᵢ₊₁ − t̂ᵢ) (d + d')/2`. With
/// `h = t̂ᵢ − tᵢ₊₁` these are two rows of the step table:
///
/// `x' = x̂ + h t̂ᵢ s(x̂, t̂ᵢ)` and `x' + ½ h (tᵢ₊₁ s(x', tᵢ₊₁) − t̂ᵢ s(x̂, t̂ᵢ))`,
///
/// the second of which uses the score of the row before again. The last step, to 0, is Euler's.
/// The noise that takes x to `x̂` is drawn by the row before, or is part of the start.
///
/// `levels` is N, by which S_churn is divided: the number of levels of the whole schedule, of which
/// `sigmas` may be a part.
///
/// For the two levels 2 and 1 without churn:
///
/// | row | σ | update |
/// |---|---|---|
/// | 0 | 2 | `x ← x + 2 s(x, 2)`, Euler's step from 2 to 1 |
/// | 1 | 1 | `x ← x + ½ s(x, 1) − 1 s₋`, its correction |
/// | 2 | 1 | `x ← x + 1 s(x, 1)`, Euler's step from 1 to 0 |
pub fn heun(sigmas: &[f32], churn: Churn, levels: usize) -> StepTable {
    let mut start_sigma = sigmas.first().copied().unwrap_or(1.0);
    let mut steps: Vec<Step> = Vec::with_capacity(2 * sigmas.len());
    let t_nexts = sigmas.iter().skip(1).copied().chain([0.0]);
    for (level, (&t_cur, t_next)) in sigmas.iter().zip(t_nexts).enumerate() {
        let gamma = churn.gamma(t_cur, levels);
        let t_hat = t_cur * (1.0 + gamma);
        // S_noise √(t̂² − t²), without subtracting nearly equal numbers.
        let added = churn.s_noise * t_cur * (gamma * (2.0 + gamma)).sqrt();
        match steps.last_mut().map(|step| &mut step.update) {
            Some(Update::Affine { noise, .. }) => *noise = added,
            _ => start_sigma = start_sigma.hypot(added),
        }
        let h = t_hat - t_next;
        steps.push(Step { sigma: t_hat, update: Update::affine(h * t_hat, 0.0), level });
        if t_next > 0.0 {
            let (drift, previous) = (0.5 * h * t_next, -0.5 * h * t_hat);
            let update = Update::Affine { drift, previous, noise: 0.0 };
            steps.push(Step { sigma: t_next, update, level: level + 1 });
        }
    }
    StepTable { start: Start::noise(start_sigma), steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in the documentation of [`heun`].
    #[test]
    fn two_levels_are_three_rows() {
        let rows = heun(&[2.0, 1.0], Churn::NONE, 2).steps;
        let correction = Update::Affine { drift: 0.5, previous: -1.0, noise: 0.0 };
        let expected =
            [(2.0, Update::affine(2.0, 0.0)), (1.0, correction), (1.0, Update::affine(1.0, 0.0))];
        assert_eq!(rows.iter().map(|row| (row.sigma, row.update)).collect::<Vec<_>>(), expected);
    }

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
