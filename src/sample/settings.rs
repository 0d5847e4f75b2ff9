//! A sampler's settings, as a person chooses them and a model's card recommends them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::program::Program;
use super::{consistent, diffusion, langevin};
use crate::noise::{Ladder, LadderError};

/// Which sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Annealed Langevin dynamics (Song & Ermon 2019).
    Langevin,
    /// Consistent annealed sampling (Jolicoeur-Martineau et al. 2020).
    Consistent,
    /// Ancestral sampling of the reverse diffusion (Song et al. 2021).
    ReverseDiffusion,
    /// Euler's method on the probability-flow ODE (Song et al. 2021).
    Ode,
}

/// Everything that decides a program.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Which sampler.
    pub sampler: Sampler,
    /// The ladder of noise levels.
    #[serde(flatten)]
    pub ladder: Ladder,
    /// T, the steps at each level; Langevin only.
    pub steps_each: usize,
    /// ε, the step size at the smallest level; Langevin and consistent only.
    pub step_lr: f32,
    /// Whether a last step takes off the noise that is left; the other samplers always do.
    pub denoise: bool,
}

/// Why settings are refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SettingsError {
    /// The ladder is impossible.
    #[error(transparent)]
    Ladder(#[from] LadderError),
    /// No steps, or more than anybody would wait for.
    #[error("steps_each must be from 1 to {max}, but it is {0}", max = Settings::MAX_STEPS)]
    StepsEach(usize),
    /// Too many steps altogether.
    #[error("{0} steps are more than the {max} that a chain may have", max = Settings::MAX_STEPS)]
    Steps(usize),
    /// ε is not positive.
    #[error("step_lr must be positive, but it is {0}")]
    StepSize(f32),
    /// ε is so large that chains explode.
    #[error("step_lr = {step_lr} is unstable: chains explode above 2 sigma_min² = {bound}")]
    Unstable {
        /// What was asked for.
        step_lr: f32,
        /// What is possible.
        bound: f32,
    },
}

impl Settings {
    /// The most steps that a chain may have.
    pub const MAX_STEPS: usize = 1_000_000;

    /// L where nobody chooses it.
    pub const LEVELS: usize = 100;

    /// Consistent annealed sampling with settings that do well on small pictures, for networks that
    /// were trained from `sigma_min` to `sigma_max`.
    ///
    /// Each step moves by η = ε/σ_L² = 0.15 of the way to the denoised picture. Plain annealed
    /// Langevin needs several steps at each level to come as close (see `docs/model.md`), and here
    /// has three.
    pub fn recommended(sigma_max: f32, sigma_min: f32) -> Self {
        let step_lr = three_digits(0.15 * sigma_min * sigma_min);
        let ladder = Ladder { sigma_max, sigma_min, levels: Self::LEVELS };
        Self { sampler: Sampler::Consistent, ladder, steps_each: 3, step_lr, denoise: true }
    }

    /// Checks everything and writes the program.
    ///
    /// # Errors
    /// [`SettingsError`] says which value is impossible.
    pub fn program(&self) -> Result<Program, SettingsError> {
        self.check()?;
        let sigmas = self.ladder.sigmas();
        let smallest = self.ladder.sigma_min * self.ladder.sigma_min;
        let program = match self.sampler {
            Sampler::Langevin => langevin::annealed(&sigmas, self.steps_each, self.step_lr),
            Sampler::Consistent => consistent::consistent(&sigmas, self.step_lr / smallest),
            Sampler::ReverseDiffusion => diffusion::reverse_diffusion(&sigmas),
            Sampler::Ode => diffusion::probability_flow(&sigmas),
        };
        let denoise = self.denoise && self.sampler == Sampler::Langevin;
        Ok(if denoise { program.denoised() } else { program })
    }

    fn check(&self) -> Result<(), SettingsError> {
        self.ladder.check()?;
        if !(1..=Self::MAX_STEPS).contains(&self.steps_each) {
            return Err(SettingsError::StepsEach(self.steps_each));
        }
        let steps = self.ladder.levels * self.steps_each;
        if steps > Self::MAX_STEPS {
            return Err(SettingsError::Steps(steps));
        }
        let step_lr = self.step_lr;
        if !step_lr.is_finite() || step_lr <= 0.0 {
            return Err(SettingsError::StepSize(step_lr));
        }
        // On N(0, σ²) a step multiplies x by 1 − ε/σ_L²: beyond −1 it grows.
        let bound = 2.0 * self.ladder.sigma_min * self.ladder.sigma_min;
        if self.sampler == Sampler::Langevin && step_lr >= bound {
            return Err(SettingsError::Unstable { step_lr, bound });
        }
        Ok(())
    }
}

/// A positive number with three significant digits: settings are read and typed by people.
fn three_digits(value: f32) -> f32 {
    let scale = 10f64.powi(2 - f64::from(value).log10().floor() as i32);
    ((f64::from(value) * scale).round() / scale) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { sampler: Sampler::Langevin, ..Settings::recommended(20.0, 0.01) }
    }

    #[test]
    fn a_program_has_the_steps_that_were_asked_for() {
        let program = settings().program().expect("recommended settings are possible");
        assert_eq!((program.nfe(), settings().step_lr), (100 * 3 + 1, 1.5e-5));
        let last = program.steps[program.nfe() - 1];
        assert_eq!((last.sigma, last.drift, last.noise), (0.01, 0.01 * 0.01, 0.0));
        for sampler in [Sampler::Consistent, Sampler::ReverseDiffusion, Sampler::Ode] {
            let program = Settings { sampler, ..settings() }.program().expect("possible");
            assert_eq!(program.nfe(), 100);
            assert!(program.steps.iter().all(|s| s.drift.is_finite() && s.noise.is_finite()));
        }
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let refused = |settings: Settings| settings.program().expect_err("must be refused");
        let base = settings();
        assert!(matches!(refused(Settings { steps_each: 0, ..base }), SettingsError::StepsEach(0)));
        assert!(matches!(refused(Settings { step_lr: -1.0, ..base }), SettingsError::StepSize(_)));
        assert!(matches!(
            refused(Settings { step_lr: 1.0, ..base }),
            SettingsError::Unstable { .. }
        ));
        let ladder = Ladder { levels: 0, ..base.ladder };
        assert!(matches!(refused(Settings { ladder, ..base }), SettingsError::Ladder(_)));
        let huge = Settings { steps_each: 100_000, ..base };
        assert!(matches!(refused(huge), SettingsError::Steps(_)));
    }

    #[test]
    fn settings_survive_json() {
        let json = serde_json::to_string(&settings()).expect("plain data");
        assert!(json.contains(r#""sampler":"langevin""#) && json.contains(r#""sigma_max":20.0"#));
        assert_eq!(serde_json::from_str::<Settings>(&json).expect("its own output"), settings());
    }
}
