//! Which settings are possible.

use thiserror::Error;

use super::Settings;
use crate::noise::{NoiseScheduleError, rules};
use crate::sample::edm::Churn;
use crate::sample::sampler::Sampler;

/// Why settings are refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SettingsError {
    /// The noise schedule is invalid.
    #[error(transparent)]
    NoiseSchedule(#[from] NoiseScheduleError),
    /// There are no steps, or too many.
    #[error("steps_each must be from 1 to {max}, but it is {0}", max = Settings::MAX_STEPS)]
    StepsEach(usize),
    /// There are too many steps altogether.
    #[error("{0} steps are more than the {max} that a chain may have", max = Settings::MAX_STEPS)]
    Steps(usize),
    /// ε is not positive and finite.
    #[error("step_lr must be positive, but it is {0}")]
    StepSize(f32),
    /// r is not between 0 and 1.
    #[error("snr must be above 0 and below 1, but it is {0}")]
    Snr(f32),
    /// ρ is not from 1 to 100.
    #[error("rho must be from 1 to 100, but it is {0}")]
    Rho(f32),
    /// The churn is invalid.
    #[error("S_churn must be at least 0 and finite, S_noise from 0 to 2, S_tmin at most S_tmax")]
    Churn(Churn),
    /// The strength for an init image is not from 0 to 1.
    #[error("strength must be from 0 to 1, but it is {0}")]
    Strength(f32),
    /// ε is so large that exact Langevin steps would go beyond the denoised image.
    #[error(
        "exact-langevin's a = step_lr/sigma_min² is at most 1, but with step_lr = {step_lr} it is \
         {a}: step_lr must be at most sigma_min² = {bound}"
    )]
    TooFar {
        /// The value asked for.
        step_lr: f32,
        /// What it would be as a part of the way.
        a: f32,
        /// What it can at most be.
        bound: f32,
    },
    /// ε is so large that chains explode.
    #[error("step_lr = {step_lr} is unstable: chains explode above 2 sigma_min² = {bound}")]
    Unstable {
        /// The value asked for.
        step_lr: f32,
        /// What it must be below.
        bound: f32,
    },
}

impl Settings {
    /// The most steps that a chain may have.
    pub const MAX_STEPS: usize = 1_000_000;

    /// Whether [`Settings::step_table`] can build a step table of these settings.
    ///
    /// # Errors
    /// [`SettingsError`] says which value is impossible.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        self.schedule.check()?;
        if !(1..=Self::MAX_STEPS).contains(&self.steps_each) {
            return Err(SettingsError::StepsEach(self.steps_each));
        }
        let each = match self.sampler {
            _ if self.is_langevin() => self.steps_each,
            Sampler::PredictorCorrector => 1 + self.steps_each,
            Sampler::Heun => 2,
            _ => 1,
        };
        // The product could overflow 32 bits.
        let steps = self.schedule.levels.saturating_mul(each);
        if steps > Self::MAX_STEPS {
            return Err(SettingsError::Steps(steps));
        }
        let step_lr = self.step_lr;
        if !step_lr.is_finite() || step_lr <= 0.0 {
            return Err(SettingsError::StepSize(step_lr));
        }
        let smallest = self.schedule.sigma_min * self.schedule.sigma_min;
        let a = step_lr / smallest;
        // A tolerance for rounding.
        if self.sampler == Sampler::ExactLangevin && a > 1.0 + 1e-5 {
            return Err(SettingsError::TooFar { step_lr, a, bound: smallest });
        }
        let bound = rules::MAX_STEP as f32 * smallest;
        if self.is_langevin() && step_lr >= bound {
            return Err(SettingsError::Unstable { step_lr, bound });
        }
        if !(self.snr > 0.0 && self.snr < 1.0) {
            return Err(SettingsError::Snr(self.snr));
        }
        if !(1.0..=100.0).contains(&self.rho) {
            return Err(SettingsError::Rho(self.rho));
        }
        if let Some(churn) = self.churn {
            let Churn { s_churn, s_tmin, s_tmax, s_noise } = churn;
            let finite = s_churn >= 0.0 && s_churn.is_finite();
            if !(finite && (0.0..=2.0).contains(&s_noise) && s_tmin <= s_tmax) {
                return Err(SettingsError::Churn(churn));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::NoiseSchedule;

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let refused = |settings: Settings| settings.step_table().expect_err("must be refused");
        let base = Settings { sampler: Sampler::Langevin, ..Settings::recommended(20.0, 0.01) };
        assert!(matches!(refused(Settings { steps_each: 0, ..base }), SettingsError::StepsEach(0)));
        assert!(matches!(refused(Settings { step_lr: -1.0, ..base }), SettingsError::StepSize(_)));
        assert!(matches!(
            refused(Settings { step_lr: 1.0, ..base }),
            SettingsError::Unstable { .. }
        ));
        let exact = Settings { sampler: Sampler::ExactLangevin, step_lr: 1e-4, ..base };
        assert!(exact.step_table().is_ok(), "a = 1");
        let far = refused(Settings { step_lr: 1.1e-4, ..exact });
        assert!(matches!(far, SettingsError::TooFar { .. }), "{far}");
        assert!(matches!(refused(Settings { snr: 0.0, ..base }), SettingsError::Snr(_)));
        assert!(matches!(refused(Settings { rho: f32::NAN, ..base }), SettingsError::Rho(_)));
        for (s_churn, s_tmin, s_tmax) in
            [(1.0, 2.0, 1.0), (1.0, f32::NAN, 1.0), (f32::INFINITY, 0.0, 1.0)]
        {
            let churn = Some(Churn { s_churn, s_tmin, s_tmax, s_noise: 1.0 });
            assert!(matches!(refused(Settings { churn, ..base }), SettingsError::Churn(_)));
        }
        // EDM's own default of S_tmax.
        let churn = Some(Churn { s_tmax: f32::INFINITY, ..Churn::NONE });
        assert!(Settings { churn, ..base }.step_table().is_ok());
        let schedule = NoiseSchedule { levels: 0, ..base.schedule };
        assert!(matches!(refused(Settings { schedule, ..base }), SettingsError::NoiseSchedule(_)));
        let huge = Settings { steps_each: 100_000, ..base };
        assert!(matches!(refused(huge), SettingsError::Steps(_)));
    }
}
