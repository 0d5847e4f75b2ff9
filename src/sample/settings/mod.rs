//! A sampler's settings, as a person chooses them and a model's card recommends them.
//!
//! | file | what it does |
//! |---|---|
//! | `validation` | which settings are possible, and why others are refused |
//! | `recommendation` | settings that suit a network |
//! | `rounding` | numbers of three digits |
//! | `build` | the step table that settings describe |

mod build;
pub(crate) mod recommendation;
pub(crate) mod rounding;
pub mod validation;

use serde::{Deserialize, Serialize};

use super::edm::Churn;
use super::parameters::{APPLIES_TO, DEFAULTS};
use super::sampler::Sampler;
use crate::noise::NoiseSchedule;

/// Everything that determines a step table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The sampler.
    pub sampler: Sampler,
    /// The noise schedule; samplers that have a ρ place their levels between the same ends on a grid
    /// of their own.
    #[serde(flatten)]
    pub schedule: NoiseSchedule,
    /// T, the steps at each level of the Langevin samplers, and the corrections of
    /// predictor–corrector.
    pub steps_each: usize,
    /// ε, the step size at the smallest level; Langevin and consistent only. What counts is ε/σ_L²,
    /// so another σ_L needs another ε. Exact Langevin's a = ε/σ_L² is at most 1; consistent
    /// sampling clamps to the η that it can have
    /// ([`consistent_annealed`](super::consistent_annealed)).
    pub step_lr: f32,
    /// Whether a last step removes the remaining noise; Langevin only, the others always do.
    pub denoise: bool,
    /// r, the signal-to-noise ratio of corrections; predictor–corrector only.
    #[serde(default = "default_snr")]
    pub snr: f32,
    /// ρ of the grid of levels, of the samplers that have one
    /// ([`APPLIES_TO`](super::parameters::APPLIES_TO)).
    #[serde(default = "default_rho")]
    pub rho: f32,
    /// Noise added on the way; Heun only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn: Option<Churn>,
}

fn default_snr() -> f32 {
    DEFAULTS.snr
}

fn default_rho() -> f32 {
    DEFAULTS.rho
}

impl Settings {
    /// Whether the noise left after the last level is removed.
    pub fn denoises(&self) -> bool {
        self.denoise || !self.is_langevin()
    }

    /// Whether these are settings of one of the Langevin samplers, the only ones that may leave the
    /// noise of the last level.
    fn is_langevin(&self) -> bool {
        APPLIES_TO.denoise.contains(&self.sampler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { sampler: Sampler::Langevin, ..Settings::recommended(20.0, 0.01) }
    }

    #[test]
    fn settings_survive_json() {
        let json = serde_json::to_string(&settings()).expect("plain data");
        assert!(json.contains(r#""sampler":"langevin""#) && json.contains(r#""sigma_max":20.0"#));
        assert_eq!(serde_json::from_str::<Settings>(&json).expect("its own output"), settings());
        let churn = Some(Churn { s_churn: 40.0, ..Churn::NONE });
        let churned = Settings { churn, ..settings() };
        let json = serde_json::to_string(&churned).expect("plain data");
        assert_eq!(serde_json::from_str::<Settings>(&json).expect("its own output"), churned);
        // A card that predates these settings.
        let old = r#"{"sampler":"langevin","sigma_max":20.0,"sigma_min":0.01,"levels":100,
            "steps_each":3,"step_lr":0.000015,"denoise":true}"#;
        assert_eq!(serde_json::from_str::<Settings>(old).expect("an old card"), settings());
        for sampler in Sampler::ALL {
            let json = serde_json::to_value(sampler).expect("plain data");
            assert_eq!(json, sampler.name(), "what cards and people call it is the same");
            assert_eq!(serde_json::from_value::<Sampler>(json).expect("its own output"), sampler);
        }
        for name in ["euler", "ddim"] {
            let json = serde_json::json!(name);
            assert_eq!(serde_json::from_value::<Sampler>(json).expect("an alias"), Sampler::Euler);
        }
        let unknown = serde_json::from_str::<Sampler>(r#""rk4""#).expect_err("no such sampler");
        let message = unknown.to_string();
        assert!(message.contains("`rk4`") && message.contains("`sde-dpm-solver++`"), "{message}");
    }
}
