//! The settings that a sweep tries: each sampler for a given number of evaluations.

use crate::noise::NoiseSchedule;
use crate::sample::edm::Churn;
use crate::sample::settings::rounding::three_digits;
use crate::sample::{Sampler, Settings};

/// The default numbers of evaluations.
pub const NFE: [usize; 8] = [5, 10, 20, 50, 100, 200, 500, 1000];

/// How a sampler is tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trial {
    /// With churn.
    pub churned: bool,
    /// On the middle of the noise schedule. At its top, where noise hides everything, there is
    /// little to decide; what its last levels remove, the final denoising removes as well. A few
    /// evaluations are better spent in between.
    pub short: bool,
}

impl Trial {
    /// The ends of a short noise schedule, as multiples of σ₁ and σ_L.
    const SHORT: [f32; 2] = [0.4, 10.0];

    /// The trials of a sampler, the plain one first. Only samplers that add fresh noise,
    /// which erases their mistakes, are tried with a short noise schedule.
    pub fn of(sampler: Sampler) -> &'static [Self] {
        const PLAIN: Trial = Trial { churned: false, short: false };
        const CHURNED: Trial = Trial { churned: true, short: false };
        match sampler {
            Sampler::Heun => &[PLAIN, CHURNED, Trial { short: true, ..CHURNED }],
            Sampler::Ancestral => &[PLAIN, Trial { short: true, ..PLAIN }],
            _ => &[PLAIN],
        }
    }

    /// The name of a sampler in this trial.
    pub fn name(self, sampler: Sampler) -> String {
        let churned = if self.churned { ", churned" } else { "" };
        let short = if self.short { ", short" } else { "" };
        [sampler.name(), churned, short].concat()
    }
}

/// A sampler with the settings for `nfe` evaluations or slightly fewer, or none if it needs more.
/// Settings without a rule of their own are as the model recommends.
pub fn settings_for_nfe(
    sampler: Sampler,
    Trial { churned, short }: Trial,
    nfe: usize,
    recommended: Settings,
) -> Option<Settings> {
    let Settings { mut schedule, .. } = recommended;
    if short {
        let [highest, lowest] = Trial::SHORT;
        let (sigma_max, sigma_min) = (highest * schedule.sigma_max, lowest * schedule.sigma_min);
        schedule = NoiseSchedule {
            sigma_max: three_digits(sigma_max.max(sigma_min)),
            sigma_min: three_digits(sigma_min.min(sigma_max)),
            ..schedule
        };
    }
    let [langevin_steps, exact_steps] = if nfe < 100 { [1, 1] } else { [3, 5] };
    let (levels, steps_each) = match sampler {
        Sampler::Langevin => ((nfe - 1) / langevin_steps, langevin_steps),
        Sampler::ExactLangevin => ((nfe - 1) / exact_steps, exact_steps),
        Sampler::PlainLangevin => (nfe - 1, 1),
        // A prediction at every level but the last, each followed by one correction.
        Sampler::PredictorCorrector => (nfe.div_ceil(2), 1),
        Sampler::Heun => (nfe.div_ceil(2), recommended.steps_each),
        _ => (nfe, recommended.steps_each),
    };
    if levels < 2 && sampler != Sampler::Consistency {
        return None;
    }
    let schedule = NoiseSchedule { levels, ..schedule };
    let churn = churned.then_some(Churn { s_churn: 0.4 * levels as f32, ..Churn::NONE });
    let settings = Settings { sampler, schedule, steps_each, churn, denoise: true, ..recommended };
    Some(settings.with_step_by_rule())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_takes_as_many_evaluations_as_it_was_given() {
        for sampler in Sampler::ALL {
            for nfe in NFE {
                let recommended = Settings::recommended(20.0, 0.01);
                for &trial in Trial::of(sampler) {
                    let Some(settings) = settings_for_nfe(sampler, trial, nfe, recommended) else {
                        assert!(nfe < 5, "{sampler:?} with {nfe}");
                        continue;
                    };
                    let taken = settings.step_table().expect("possible").nfe();
                    assert!(taken <= nfe && taken + 5 > nfe, "{sampler:?} takes {taken} for {nfe}");
                    let NoiseSchedule { sigma_max, sigma_min, .. } = settings.schedule;
                    let ends = if trial.short { (8.0, 0.1) } else { (20.0, 0.01) };
                    assert_eq!((sigma_max, sigma_min), ends);
                }
            }
        }
    }
}
