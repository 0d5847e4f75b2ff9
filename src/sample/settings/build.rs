//! Builds the step table that settings describe.

use super::Settings;
use super::validation::SettingsError;
use crate::noise::karras;
use crate::sample::parameters::{APPLIES_TO, DEFAULTS};
use crate::sample::sampler::Sampler;
use crate::sample::step_table::{Start, StepTable};
use crate::sample::{
    consistency, consistent_annealed, dpm_solver, edm, exact_langevin, langevin, score_sde, unipc,
};

/// By what part of themselves rounding may separate noise levels that are meant to be equal.
const ROUNDING: f32 = 1e-5;

impl Settings {
    /// Checks the settings and builds the step table.
    ///
    /// # Errors
    /// [`SettingsError`] says which value is impossible.
    pub fn step_table(&self) -> Result<StepTable, SettingsError> {
        self.step_table_from(None)
    }

    /// As [`Self::step_table`], or for chains that start from an image with some `strength`: from 0,
    /// where nothing may change, to 1, where noise of σ₁ covers the image (Meng et al., *SDEdit*,
    /// 2022).
    ///
    /// The strength stands for a noise level
    /// ([`NoiseSchedule::sigma_at`](crate::noise::NoiseSchedule::sigma_at)). Chains go through the
    /// sampler's levels from there down, at least the last, as if the schedule began with them.
    /// Consistency sampling, and a single level that leads down to 0, begin at exactly this σ.
    ///
    /// # Errors
    /// As [`Self::step_table`], and [`SettingsError::Strength`] if the strength is not from 0 to 1.
    pub fn step_table_from(&self, strength: Option<f32>) -> Result<StepTable, SettingsError> {
        self.check()?;
        let mut sigmas = self.sigmas();
        let Some(strength) = strength else { return Ok(self.step_table_at(&sigmas)) };
        if !(0.0..=1.0).contains(&strength) {
            return Err(SettingsError::Strength(strength));
        }
        let sigma = self.schedule.sigma_at(strength);
        // One evaluation of a consistency model leads to the end of the flow from any level, not
        // only from those of the grid. A single step down to 0 begins at the strength's σ, as it
        // begins at σ₁ without an image.
        let exact = self.sampler == Sampler::Consistency
            || (self.schedule.levels == 1 && !self.is_langevin());
        let limit = sigma * if exact { 1.0 - ROUNDING } else { 1.0 + ROUNDING };
        let above = sigmas.iter().filter(|&&level| level > limit).count();
        let first = if exact { above.saturating_sub(1) } else { above.min(sigmas.len() - 1) };
        sigmas.drain(..first);
        if exact {
            sigmas[0] = sigma;
        }
        let mut table = self.step_table_at(&sigmas);
        for step in &mut table.steps {
            step.level += first;
        }
        // Plain Langevin dynamics, too, starts from the image.
        if let Start::Uniform { .. } = table.start {
            table.start = Start::at_first(&sigmas);
        }
        Ok(table)
    }

    /// The noise levels that the sampler goes through.
    fn sigmas(&self) -> Vec<f32> {
        let mut schedule = self.schedule;
        if schedule.levels == 1 && !self.is_langevin() {
            // One step from all noise to none. (Langevin's steps stay at one level, the smallest.)
            schedule.sigma_min = schedule.sigma_max;
        }
        match self.sampler {
            Sampler::PlainLangevin => vec![schedule.sigma_min],
            Sampler::Consistency => karras::consistency_sigmas(&self.schedule, self.rho),
            sampler if APPLIES_TO.rho.contains(&sampler) => {
                karras::karras_sigmas(&schedule, self.rho)
            }
            _ => schedule.sigmas(),
        }
    }

    /// The step table for these noise levels, all of the sampler's or the smallest of them.
    fn step_table_at(&self, sigmas: &[f32]) -> StepTable {
        let smallest = self.schedule.sigma_min * self.schedule.sigma_min;
        let table = match self.sampler {
            Sampler::Langevin => langevin::annealed(sigmas, self.steps_each, self.step_lr),
            Sampler::ExactLangevin => {
                exact_langevin::exact_langevin(sigmas, self.steps_each, self.step_lr / smallest)
            }
            Sampler::PlainLangevin => {
                // In the unit cube, where the images are, as in the paper.
                let start = Start::Uniform { low: 0.0, high: 1.0 };
                let steps = self.schedule.levels * self.steps_each;
                langevin::plain(start, sigmas[0], steps, self.step_lr)
            }
            Sampler::ConsistentAnnealed => {
                consistent_annealed::consistent_annealed(sigmas, self.step_lr / smallest)
            }
            Sampler::Ancestral => score_sde::ancestral(sigmas),
            Sampler::ReverseDiffusion => score_sde::reverse_diffusion(sigmas),
            Sampler::PredictorCorrector => {
                score_sde::predictor_corrector(sigmas, self.steps_each, self.snr)
            }
            Sampler::Euler => score_sde::euler(sigmas),
            Sampler::Heun => {
                edm::heun(sigmas, self.churn.unwrap_or(DEFAULTS.churn), self.schedule.levels)
            }
            Sampler::DpmSolverPp => dpm_solver::dpm_solver_pp(sigmas),
            Sampler::SdeDpmSolverPp => dpm_solver::sde_dpm_solver_pp(sigmas),
            Sampler::UniPc => unipc::unipc(sigmas),
            Sampler::Consistency => consistency::consistency(sigmas),
        };
        let denoise = self.denoise && self.is_langevin();
        if denoise { table.denoised() } else { table }
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;
    use crate::noise::NoiseSchedule;
    use crate::sample::Update;
    use crate::sample::edm::Churn;

    fn settings() -> Settings {
        Settings { sampler: Sampler::Langevin, ..Settings::recommended(20.0, 0.01) }
    }

    #[test]
    fn a_step_table_has_the_steps_that_were_asked_for() {
        let table = settings().step_table().expect("recommended settings are possible");
        assert_eq!((table.nfe(), settings().step_lr), (100 * 3 + 1, 1.5e-5));
        let last = table.steps[table.nfe() - 1];
        assert_eq!((last.sigma, last.update), (0.01, Update::affine(0.01 * 0.01, 0.0)));
        for (sampler, nfe) in [
            (Sampler::PlainLangevin, 301),
            (Sampler::ExactLangevin, 301),
            (Sampler::ConsistentAnnealed, 100),
            (Sampler::Ancestral, 100),
            (Sampler::ReverseDiffusion, 100),
            (Sampler::PredictorCorrector, 1 + 99 * 4),
            (Sampler::Euler, 100),
            (Sampler::Heun, 199),
            (Sampler::DpmSolverPp, 100),
            (Sampler::SdeDpmSolverPp, 100),
            (Sampler::UniPc, 100),
            (Sampler::Consistency, 100),
        ] {
            let table = Settings { sampler, ..settings() }.step_table().expect("possible");
            assert_eq!(table.nfe(), nfe, "{sampler:?}");
        }
    }

    #[test]
    fn a_strength_that_is_none_is_refused() {
        for strength in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            let refused = settings().step_table_from(Some(strength)).expect_err("must be refused");
            assert!(matches!(refused, SettingsError::Strength(_)), "{strength}: {refused}");
        }
        for strength in [0.0, 1.0] {
            settings().step_table_from(Some(strength)).expect("possible");
        }
    }

    /// A consistency model leads to the end of the flow from any level, also between those of the grid.
    #[test]
    fn consistency_sampling_starts_at_exactly_the_strength() {
        let settings = settings().for_sampler(Sampler::Consistency);
        let sigmas = |levels: usize, strength| {
            let schedule = NoiseSchedule { levels, ..settings.schedule };
            let table = Settings { schedule, ..settings }.step_table_from(Some(strength));
            let table = table.expect("possible");
            let first = table.steps.first().expect("at least one").sigma;
            assert_eq!(table.start, Start::noise(first));
            table.steps.iter().map(|step| step.sigma).collect::<Vec<f32>>()
        };
        let grid = settings.sigmas();
        assert_eq!(grid.len(), 2);
        for strength in [0.0, 0.3, 0.5, 0.9] {
            let sigma = settings.schedule.sigma_at(strength);
            let below = grid.iter().copied().filter(|&level| level < sigma);
            assert_eq!(sigmas(2, strength), iter::once(sigma).chain(below).collect::<Vec<_>>());
            assert_eq!(sigmas(1, strength), [sigma]);
        }
        assert_eq!(sigmas(2, 1.0).len(), 2, "all of it");
    }

    /// A step's level is that of the σ at which it evaluates the score, also for half steps and
    /// corrections.
    #[test]
    fn steps_carry_the_level_that_they_evaluate_at() {
        for sampler in Sampler::ALL {
            let settings = Settings { sampler, ..settings() };
            let sigmas = settings.sigmas();
            for step in settings.step_table().expect("possible").steps {
                assert_eq!(step.sigma, sigmas[step.level], "{sampler:?}");
            }
        }
    }

    /// A part of a noise schedule has the steps that the whole has at these levels, of the size and
    /// with the churn that they have there. Only multistep methods differ, in the first two, which
    /// have no steps before to look back at.
    #[test]
    fn a_strength_leaves_the_steps_from_its_level_down() {
        let multistep = [Sampler::DpmSolverPp, Sampler::SdeDpmSolverPp, Sampler::UniPc];
        let schedule = NoiseSchedule { levels: 20, ..settings().schedule };
        for (sampler, s_churn) in
            Sampler::ALL.map(|sampler| (sampler, 4.0)).into_iter().chain([(Sampler::Heun, 40.0)])
        {
            if sampler == Sampler::Consistency {
                continue;
            }
            let churn = Some(Churn { s_churn, s_noise: 1.007, ..Churn::NONE });
            let settings = Settings { sampler, schedule, churn, ..settings() };
            let (sigmas, whole) = (settings.sigmas(), settings.step_table().expect("possible"));
            for strength in [0.0, 0.3, 0.9, 1.0] {
                let table = settings.step_table_from(Some(strength)).expect("possible");
                let first = table.steps[0].level;
                let sigma = schedule.sigma_at(strength) * (1.0 + ROUNDING);
                assert!(first == 0 || sigmas[first - 1] > sigma, "{sampler:?} at {strength}");
                let last = first + 1 == sigmas.len();
                assert!(last || sigmas[first] <= sigma, "{sampler:?} at {strength}");

                let differ = if multistep.contains(&sampler) && first > 0 { 2 } else { 0 };
                let same = &whole.steps[whole.nfe() - table.nfe()..];
                let (same, found) = (same.iter().skip(differ), table.steps.iter().skip(differ));
                assert!(found.eq(same), "{sampler:?} at {strength}");

                let corrects = matches!(table.steps[0].update, Update::Corrector { .. });
                assert!(!corrects, "nothing has been predicted yet");

                // The noise of the level and what churn adds to it, S_noise √(t̂² − t²).
                let t_hat = table.steps[0].sigma;
                let added = 1.007 * (t_hat * t_hat - sigmas[first] * sigmas[first]).sqrt();
                let Start::Normal { mean, sigma } = table.start else { panic!("{sampler:?}") };
                let expected = sigmas[first].hypot(added);
                assert_eq!(mean, Start::GRAY);
                assert!((sigma / expected - 1.0).abs() < 1e-5, "{sampler:?}: {sigma}");
            }
        }
    }

    /// The only step of a sampler that goes down to 0 begins where the strength says.
    #[test]
    fn a_single_level_is_that_of_the_strength() {
        for sampler in Sampler::ALL {
            let schedule = NoiseSchedule { levels: 1, ..settings().schedule };
            let settings = Settings { sampler, schedule, ..settings() };
            if settings.is_langevin() {
                continue;
            }
            for strength in [0.0, 0.5, 1.0] {
                let table = settings.step_table_from(Some(strength)).expect("possible");
                let sigma = schedule.sigma_at(strength);
                assert_eq!((table.nfe(), table.start), (1, Start::noise(sigma)), "{sampler:?}");
                assert_eq!(table.steps[0].sigma, sigma, "{sampler:?}");
            }
        }
    }

    /// A sampler that goes down to 0 begins where all is noise, however few its levels.
    #[test]
    fn a_single_level_is_the_largest_but_for_langevin() {
        for sampler in Sampler::ALL {
            let settings = settings();
            let schedule = NoiseSchedule { levels: 1, ..settings.schedule };
            let settings = Settings { sampler, schedule, ..settings };
            let table = settings.step_table().expect("possible");
            let sigma = if settings.is_langevin() { 0.01 } else { 20.0 };
            assert!((table.steps[0].sigma / sigma - 1.0).abs() < 1e-5, "{sampler:?}");
            if sampler != Sampler::PlainLangevin {
                let start = Start::Normal { mean: 0.5, sigma: table.steps[0].sigma };
                assert_eq!(table.start, start, "{sampler:?}");
            }
        }
    }
}
