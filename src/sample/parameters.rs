//! The parameters in [`Settings`](super::Settings) that not every sampler has: which samplers have
//! them, and their defaults. The command line and the page's form have them from here.

use serde::Serialize;

use super::edm::Churn;
use super::sampler::Sampler::{
    self, Consistency, ConsistentAnnealed, DpmSolverPp, ExactLangevin, Heun, Langevin,
    PlainLangevin, PredictorCorrector, SdeDpmSolverPp, UniPc,
};
use crate::net::ImageShape;
use crate::noise::NoiseSchedule;

/// For each parameter, the samplers that have it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AppliesTo {
    /// T, the steps or corrections at each level.
    pub steps_each: &'static [Sampler],
    /// ε, the step size.
    pub step_lr: &'static [Sampler],
    /// Whether a last step removes the remaining noise.
    pub denoise: &'static [Sampler],
    /// r, the signal-to-noise ratio of corrections.
    pub snr: &'static [Sampler],
    /// ρ, which spaces the levels.
    pub rho: &'static [Sampler],
    /// Noise added on the way.
    pub churn: &'static [Sampler],
}

/// Which samplers have which parameters.
pub const APPLIES_TO: AppliesTo = AppliesTo {
    steps_each: &[Langevin, ExactLangevin, PlainLangevin, PredictorCorrector],
    step_lr: &[Langevin, ExactLangevin, PlainLangevin, ConsistentAnnealed],
    denoise: &[Langevin, ExactLangevin, PlainLangevin],
    snr: &[PredictorCorrector],
    rho: &[Heun, DpmSolverPp, SdeDpmSolverPp, UniPc, Consistency],
    churn: &[Heun],
};

/// Values of parameters unless given.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Defaults {
    /// r, the signal-to-noise ratio of corrections.
    pub snr: f32,
    /// ρ, which spaces the levels.
    pub rho: f32,
    /// The noise added on the way.
    pub churn: Churn,
}

/// The defaults: r is what Song et al. 2021 found best for CIFAR-10 (appendix G), ρ what Karras et
/// al. 2022 use everywhere (table 1).
pub const DEFAULTS: Defaults = Defaults { snr: 0.16, rho: 7.0, churn: Churn::NONE };

/// The strength for an init image unless given, from 0 to 1: that at which noise hides the strokes
/// of a sketch, but not what they draw. Its σ is 0.04 times the image's side.
pub fn default_strength(schedule: &NoiseSchedule, shape: ImageShape) -> f32 {
    schedule.fraction_at(0.04 * ((shape.height * shape.width) as f32).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Settings;

    /// A parameter changes the step tables of the samplers that have it, and of no others.
    #[test]
    fn parameters_matter_to_the_samplers_that_have_them() {
        type Change = fn(&mut Settings);
        let parameters: [(&str, &[Sampler], Change); 6] = [
            ("steps_each", APPLIES_TO.steps_each, |settings| settings.steps_each += 1),
            ("step_lr", APPLIES_TO.step_lr, |settings| settings.step_lr *= 1.1),
            ("denoise", APPLIES_TO.denoise, |settings| settings.denoise = !settings.denoise),
            ("snr", APPLIES_TO.snr, |settings| settings.snr *= 2.0),
            ("rho", APPLIES_TO.rho, |settings| settings.rho *= 2.0),
            ("churn", APPLIES_TO.churn, |settings| {
                settings.churn = Some(Churn { s_churn: 10.0, ..DEFAULTS.churn });
            }),
        ];
        for sampler in Sampler::ALL {
            let settings = Settings { sampler, ..Settings::recommended(20.0, 0.01) };
            let before = settings.step_table().expect("possible");
            for (name, samplers, change) in parameters {
                let mut changed = settings;
                change(&mut changed);
                let same = changed.step_table().expect("possible") == before;
                assert_eq!(same, !samplers.contains(&sampler), "{name} of {}", sampler.name());
            }
        }
    }

    #[test]
    fn the_default_strength_is_that_of_a_noise_level() {
        let schedule = NoiseSchedule { sigma_max: 20.0, sigma_min: 0.01, levels: 10 };
        let shape = ImageShape { channels: 3, height: 50, width: 50 };
        let sigma = schedule.sigma_at(default_strength(&schedule, shape));
        assert!((sigma - 2.0).abs() < 1e-4, "{sigma}");
    }
}
