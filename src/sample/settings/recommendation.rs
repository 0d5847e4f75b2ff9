//! Settings that suit a network, unless a person or its card chooses others.

use super::Settings;
use super::rounding::three_digits;
use crate::net::{Architecture, RefineNetDescription, Variant};
use crate::noise::{NoiseSchedule, rules};
use crate::sample::exact_langevin::exact_step;
use crate::sample::parameters::{APPLIES_TO, DEFAULTS};
use crate::sample::sampler::Sampler;

impl Settings {
    /// The default L.
    pub const LEVELS: usize = 100;

    /// Consistent annealed sampling with settings that work well on small images, for networks
    /// trained from `sigma_min` to `sigma_max`.
    ///
    /// Each step moves by η = ε/σ_L² = 0.15 of the way to the denoised image. Plain annealed
    /// Langevin needs several steps per level to come as close (see `docs/quality.md`), and gets
    /// three here.
    pub fn recommended(sigma_max: f32, sigma_min: f32) -> Self {
        let step_lr = three_digits(0.15 * sigma_min * sigma_min);
        let schedule = NoiseSchedule { sigma_max, sigma_min, levels: Self::LEVELS };
        Self {
            sampler: Sampler::ConsistentAnnealed,
            schedule,
            steps_each: 3,
            step_lr,
            denoise: true,
            snr: DEFAULTS.snr,
            rho: DEFAULTS.rho,
            churn: None,
        }
    }

    /// Settings that suit a network: the published ones for NCSN's and NCSNv2's own networks, on
    /// their own noise schedule, and otherwise [`Self::recommended`] on the given noise schedule.
    pub fn for_network(architecture: &Architecture, schedule: NoiseSchedule) -> Self {
        let recommended = Self::recommended(schedule.sigma_max, schedule.sigma_min);
        let Architecture::RefineNet(RefineNetDescription { variant, schedule, .. }) = *architecture
        else {
            return Self { schedule, ..recommended };
        };
        let smallest = f64::from(schedule.sigma_min * schedule.sigma_min);
        let (steps_each, step) = match variant {
            // T = 100 and ε = 2e-5 (4e-5 as the paper counts) at σ_L = 0.01.
            Variant::Ncsn => (100, 0.2),
            // T as published for CIFAR-10, and the ε that goes with it (technique 4).
            Variant::Ncsnv2 => (5, rules::step(5, schedule.ratio())),
        };
        let step_lr = three_digits((step * smallest) as f32);
        let sampler = Sampler::Langevin;
        Self { sampler, schedule, steps_each, step_lr, denoise: true, ..recommended }
    }

    /// Settings to begin with for another sampler than the one that a model's card recommends, made of
    /// [`Self::for_network`] with all noise levels that the network was trained for. (What a card
    /// recommends, such as a short noise schedule or an ε, suits its own sampler alone.)
    ///
    /// They have the same ends, the levels and steps that suit the sampler ([`Suited::of`]), a step
    /// size by [`Self::with_step_by_rule`] where the sampler has one, and no churn. The command line,
    /// the page and the npm package all begin with these.
    #[must_use]
    pub fn for_sampler(self, sampler: Sampler) -> Self {
        let suited = Suited::of(sampler);
        let levels = suited.map_or(self.schedule.levels, |suited| suited.levels);
        let steps_each = suited.and_then(|suited| suited.steps_each).unwrap_or(self.steps_each);
        let schedule = NoiseSchedule { levels, ..self.schedule };
        let settings = Self { sampler, schedule, steps_each, churn: None, ..self };
        let has_steps = APPLIES_TO.step_lr.contains(&sampler);
        if has_steps { settings.with_step_by_rule() } else { settings }
    }

    /// Sets ε to suit the noise schedule and the number of steps at each level. Langevin then ends
    /// with the right variance (NCSNv2, technique 4). Consistent sampling's η is then midway
    /// between no fresh noise, 1 − 1/γ, and as much as ancestral sampling's, 1 − 1/γ². Exact
    /// Langevin's a is [`exact_step`]. A single level has γ = 1 and no such step, so it keeps its ε.
    #[must_use]
    pub fn with_step_by_rule(self) -> Self {
        let NoiseSchedule { sigma_min, levels, .. } = self.schedule;
        if levels < 2 {
            return self;
        }
        let ratio = self.schedule.ratio();
        let step = match self.sampler {
            // 1 − γ^−1.5; for the page, a square root is less code than a power.
            Sampler::ConsistentAnnealed => 1.0 - (ratio * ratio.sqrt()).recip(),
            Sampler::ExactLangevin => exact_step(levels, self.steps_each),
            _ => rules::step(self.steps_each, ratio),
        };
        let smallest = f64::from(sigma_min * sigma_min);
        Self { step_lr: three_digits((step * smallest) as f32), ..self }
    }
}

/// The numbers that suit a sampler with any model, beyond which more evaluations gain little.
/// `docs/quality.md` has the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suited {
    /// L.
    pub levels: usize,
    /// T, the steps or corrections at each level, where the sampler has them.
    pub steps_each: Option<usize>,
}

impl Suited {
    /// What suits a sampler; `None` for samplers whose numbers depend on the model.
    pub fn of(sampler: Sampler) -> Option<Self> {
        let plain = |levels| Some(Self { levels, steps_each: None });
        match sampler {
            Sampler::Heun => plain(20),
            Sampler::DpmSolverPp | Sampler::SdeDpmSolverPp | Sampler::UniPc => plain(10),
            Sampler::Consistency => plain(2),
            Sampler::PredictorCorrector => Some(Self { levels: 100, steps_each: Some(1) }),
            Sampler::ExactLangevin => Some(Self { levels: 39, steps_each: Some(5) }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Depth, ImageShape};
    use crate::sample::SettingsError;
    use crate::sample::edm::Churn;

    #[test]
    fn impossible_noise_levels_are_refused_after_the_rule_for_the_step_size() {
        for sigma_min in [0.0, 1e-30, f32::NAN] {
            let schedule = NoiseSchedule { sigma_max: 1.0, sigma_min, levels: 10 };
            let settings = Settings { schedule, ..Settings::recommended(1.0, 0.01) };
            for sampler in [Sampler::Langevin, Sampler::ExactLangevin, Sampler::ConsistentAnnealed]
            {
                let settings = settings.for_sampler(sampler);
                let refused = settings.step_table().expect_err("must be refused");
                assert!(matches!(refused, SettingsError::NoiseSchedule(_)), "{refused}");
            }
        }
    }

    /// What the command line, the page and the npm package begin with.
    #[test]
    fn another_sampler_begins_with_what_suits_it() {
        let churn = Some(Churn { s_churn: 10.0, ..Churn::NONE });
        let usual = Settings { churn, ..Settings::recommended(20.0, 0.01) };
        let ratio = usual.schedule.ratio();
        for sampler in Sampler::ALL {
            let settings = usual.for_sampler(sampler);
            let NoiseSchedule { sigma_max, sigma_min, levels } = settings.schedule;
            assert_eq!((sigma_max, sigma_min, settings.churn), (20.0, 0.01, None), "{sampler:?}");
            let (suited, steps_each) = match sampler {
                Sampler::ExactLangevin => (39, 5),
                Sampler::PredictorCorrector => (100, 1),
                Sampler::Heun => (20, 3),
                Sampler::DpmSolverPp | Sampler::SdeDpmSolverPp | Sampler::UniPc => (10, 3),
                Sampler::Consistency => (2, 3),
                _ => (100, 3),
            };
            assert_eq!((levels, settings.steps_each), (suited, steps_each), "{sampler:?}");
            let step = match sampler {
                Sampler::Langevin | Sampler::PlainLangevin => rules::step(3, ratio),
                Sampler::ExactLangevin => 0.25,
                Sampler::ConsistentAnnealed => 1.0 - ratio.powf(-1.5),
                // It has none, and is left with that of the network's own sampler.
                _ => 0.15,
            };
            let found = f64::from(settings.step_lr) / 1e-4;
            assert!((found / step - 1.0).abs() < 5e-3, "{sampler:?}: {found} for {step}");
        }
    }

    /// The settings of NCSN's code, and of NCSNv2's for CIFAR-10.
    #[test]
    fn published_networks_come_with_their_published_settings() {
        let image_shape = ImageShape { channels: 3, height: 32, width: 32 };
        let settings = |variant, schedule| {
            let depth = Depth::Standard;
            let net = RefineNetDescription { variant, image_shape, depth, ngf: 128, schedule };
            let settings = Settings::for_network(&Architecture::RefineNet(net), schedule);
            assert_eq!((settings.sampler, settings.schedule), (Sampler::Langevin, schedule));
            assert!(settings.denoise && settings.step_table().is_ok());
            (settings.steps_each, settings.step_lr)
        };
        let schedule = |sigma_max, levels| NoiseSchedule { sigma_max, sigma_min: 0.01, levels };
        assert_eq!(settings(Variant::Ncsn, schedule(1.0, 10)), (100, 2e-5));
        let (steps_each, step_lr) = settings(Variant::Ncsnv2, schedule(50.0, 232));
        assert_eq!(steps_each, 5);
        assert!((step_lr / 6.2e-6 - 1.0).abs() < 0.01, "{step_lr}");
    }
}
