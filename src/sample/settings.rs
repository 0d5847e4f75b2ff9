//! A sampler's settings, as a person chooses them and a model's card recommends them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::edm::{self, Churn};
use super::parameters::DEFAULTS;
use super::step_table::{Start, StepTable};
use super::{consistent, diffusion, langevin};
use crate::net::{Architecture, RefineNetDescription, Variant};
use crate::noise::{NoiseSchedule, NoiseScheduleError, rules};

/// The samplers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Annealed Langevin dynamics (Song & Ermon 2019).
    Langevin,
    /// Annealed Langevin dynamics whose noise is exactly that of each level, for steps of any size
    /// ([`langevin::exact`]).
    ExactLangevin,
    /// Langevin dynamics at the smallest noise level alone, with as many steps as the annealed one:
    /// the baseline that shows why there are many levels.
    PlainLangevin,
    /// Consistent annealed sampling (Jolicoeur-Martineau et al. 2020).
    Consistent,
    /// Ancestral sampling of the reverse diffusion (Song et al. 2021).
    Ancestral,
    /// The reverse diffusion, discretised like the forward one (Song et al. 2021).
    ReverseDiffusion,
    /// Reverse diffusion with Langevin corrections (Song et al. 2021).
    PredictorCorrector,
    /// Euler's method on the probability-flow ODE (Song et al. 2021), which is DDIM.
    Ode,
    /// Heun's method on the probability-flow ODE, with or without churn (Karras et al. 2022).
    Heun,
}

impl Sampler {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Langevin,
        Self::ExactLangevin,
        Self::PlainLangevin,
        Self::Consistent,
        Self::Ancestral,
        Self::ReverseDiffusion,
        Self::PredictorCorrector,
        Self::Ode,
        Self::Heun,
    ];

    /// Its name on the command line and in cards.
    pub fn name(self) -> &'static str {
        match self {
            Self::Langevin => "langevin",
            Self::ExactLangevin => "exact-langevin",
            Self::PlainLangevin => "plain-langevin",
            Self::Consistent => "consistent",
            Self::Ancestral => "ancestral",
            Self::ReverseDiffusion => "reverse-diffusion",
            Self::PredictorCorrector => "predictor-corrector",
            Self::Ode => "ode",
            Self::Heun => "heun",
        }
    }
}

/// Everything that determines a step table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Fields", into = "Fields")]
pub struct Settings {
    /// The sampler.
    pub sampler: Sampler,
    /// The noise schedule; Heun's levels lie between the same ends on a grid of its own.
    pub schedule: NoiseSchedule,
    /// T, the steps at each level of the Langevin samplers, and the corrections of
    /// predictor–corrector.
    pub steps_each: usize,
    /// ε, the step size at the smallest level; Langevin and consistent only. What counts is ε/σ_L²,
    /// so another σ_L needs another ε. Exact Langevin's a = ε/σ_L² is at most 1; consistent
    /// sampling clamps to the η that it can have ([`consistent::consistent`]).
    pub step_lr: f32,
    /// Whether a last step removes the remaining noise; Langevin only, the others always do.
    pub denoise: bool,
    /// r, the signal-to-noise ratio of corrections; predictor–corrector only.
    pub snr: f32,
    /// ρ of the grid of levels; Heun only.
    pub rho: f32,
    /// Noise added on the way; Heun only.
    pub churn: Option<Churn>,
}

/// Settings as cards and the page have them: flat. Settings that an older card lacks get their
/// defaults.
///
/// Written out, since `serde(flatten)` buffers values of any kind before it reads them, and the
/// code for that is a tenth of the page's download.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Settings")]
struct Fields {
    sampler: Sampler,
    sigma_max: f32,
    sigma_min: f32,
    levels: usize,
    steps_each: usize,
    step_lr: f32,
    denoise: bool,
    #[serde(default = "default_snr")]
    snr: f32,
    #[serde(default = "default_rho")]
    rho: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    churn: Option<Churn>,
}

impl From<Fields> for Settings {
    fn from(fields: Fields) -> Self {
        let Fields { sigma_max, sigma_min, levels, .. } = fields;
        let Fields { sampler, steps_each, step_lr, denoise, snr, rho, churn, .. } = fields;
        let schedule = NoiseSchedule { sigma_max, sigma_min, levels };
        Self { sampler, schedule, steps_each, step_lr, denoise, snr, rho, churn }
    }
}

impl From<Settings> for Fields {
    fn from(settings: Settings) -> Self {
        let NoiseSchedule { sigma_max, sigma_min, levels } = settings.schedule;
        let Settings { sampler, schedule: _, steps_each, step_lr, denoise, snr, rho, churn } =
            settings;
        Self {
            sampler,
            sigma_max,
            sigma_min,
            levels,
            steps_each,
            step_lr,
            denoise,
            snr,
            rho,
            churn,
        }
    }
}

fn default_snr() -> f32 {
    DEFAULTS.snr
}

fn default_rho() -> f32 {
    DEFAULTS.rho
}

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
    #[error(
        "impossible churn: its amount must be at least 0, its noise from 0 to 2, min at most max"
    )]
    Churn(Churn),
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
            sampler: Sampler::Consistent,
            schedule,
            steps_each: 3,
            step_lr,
            denoise: true,
            snr: default_snr(),
            rho: default_rho(),
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

    /// Sets ε to suit the noise schedule and the number of steps at each level. Langevin then ends with the
    /// right variance (NCSNv2, technique 4). Consistent sampling's η is then midway between no
    /// fresh noise, 1 − 1/γ, and as much as ancestral sampling's, 1 − 1/γ². Exact Langevin's a is
    /// [`langevin::exact_step`]. A single level has γ = 1 and no such step, so it keeps its ε.
    #[must_use]
    pub fn with_step_by_rule(self) -> Self {
        let NoiseSchedule { sigma_min, levels, .. } = self.schedule;
        if levels < 2 {
            return self;
        }
        let ratio = self.schedule.ratio();
        let step = match self.sampler {
            Sampler::Consistent => 1.0 - ratio.powf(-1.5),
            Sampler::ExactLangevin => langevin::exact_step(levels, self.steps_each),
            _ => rules::step(self.steps_each, ratio),
        };
        let smallest = f64::from(sigma_min * sigma_min);
        Self { step_lr: three_digits((step * smallest) as f32), ..self }
    }

    /// Checks the settings and builds the step table.
    ///
    /// # Errors
    /// [`SettingsError`] says which value is impossible.
    pub fn step_table(&self) -> Result<StepTable, SettingsError> {
        self.check()?;
        let mut schedule = self.schedule;
        if schedule.levels == 1 && !self.is_langevin() {
            // One step from all noise to none. (Langevin's steps stay at one level, the smallest.)
            schedule.sigma_min = schedule.sigma_max;
        }
        let sigmas = schedule.sigmas();
        let smallest = self.schedule.sigma_min * self.schedule.sigma_min;
        let table = match self.sampler {
            Sampler::Langevin => langevin::annealed(&sigmas, self.steps_each, self.step_lr),
            Sampler::ExactLangevin => {
                langevin::exact(&sigmas, self.steps_each, self.step_lr / smallest)
            }
            Sampler::PlainLangevin => {
                // Among the images, as in the paper.
                let start = Start::Uniform { low: 0.0, high: 1.0 };
                let steps = self.schedule.levels * self.steps_each;
                langevin::plain(start, self.schedule.sigma_min, steps, self.step_lr)
            }
            Sampler::Consistent => consistent::consistent(&sigmas, self.step_lr / smallest),
            Sampler::Ancestral => diffusion::ancestral(&sigmas),
            Sampler::ReverseDiffusion => diffusion::reverse_diffusion(&sigmas),
            Sampler::PredictorCorrector => {
                diffusion::predictor_corrector(&sigmas, self.steps_each, self.snr)
            }
            Sampler::Ode => diffusion::probability_flow(&sigmas),
            Sampler::Heun => edm::heun(
                &edm::karras_sigmas(&self.schedule, self.rho),
                self.churn.unwrap_or(DEFAULTS.churn),
            ),
        };
        let denoise = self.denoise && self.is_langevin();
        Ok(if denoise { table.denoised() } else { table })
    }

    /// As [`Self::step_table`], or the part of it for chains that start from an image with some
    /// `strength`: from 0, where nothing may change, to 1, where noise of σ₁ covers the image.
    ///
    /// # Errors
    /// As [`Self::step_table`].
    pub fn step_table_from(&self, strength: Option<f32>) -> Result<StepTable, SettingsError> {
        let table = self.step_table()?;
        Ok(match strength {
            Some(strength) => table.from_sigma(self.schedule.sigma_at(strength)),
            None => table,
        })
    }

    /// Whether the noise left after the last level is removed.
    pub fn denoises(&self) -> bool {
        self.denoise || !self.is_langevin()
    }

    fn is_langevin(&self) -> bool {
        use Sampler::{ExactLangevin, Langevin, PlainLangevin};
        matches!(self.sampler, Langevin | ExactLangevin | PlainLangevin)
    }

    fn check(&self) -> Result<(), SettingsError> {
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
        // A little more, in case rounding made more of 1.
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
            let possible = s_churn >= 0.0 && s_churn.is_finite() && (0.0..=2.0).contains(&s_noise);
            if !possible || s_tmin.is_nan() || s_tmax.is_nan() || s_tmin > s_tmax {
                return Err(SettingsError::Churn(churn));
            }
        }
        Ok(())
    }
}

/// Rounds a positive number to three significant digits: people read and type settings.
pub(crate) fn three_digits(value: f32) -> f32 {
    let scale = scale_of(f64::from(value));
    ((f64::from(value) * scale).round() / scale) as f32
}

/// As [`three_digits`], but not below the value.
#[cfg(feature = "cli")]
pub(crate) fn three_digits_up(value: f64) -> f32 {
    let scale = scale_of(value);
    ((value * scale).ceil() / scale) as f32
}

/// What makes the third significant digit of a number the last before the point.
fn scale_of(value: f64) -> f64 {
    10f64.powi(2 - value.log10().floor() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Depth, ImageShape};
    use crate::sample::Update;

    fn settings() -> Settings {
        Settings { sampler: Sampler::Langevin, ..Settings::recommended(20.0, 0.01) }
    }

    #[test]
    fn a_program_has_the_steps_that_were_asked_for() {
        let table = settings().step_table().expect("recommended settings are possible");
        assert_eq!((table.nfe(), settings().step_lr), (100 * 3 + 1, 1.5e-5));
        let last = table.steps[table.nfe() - 1];
        assert_eq!((last.sigma, last.update), (0.01, Update::affine(0.01 * 0.01, 0.0)));
        for (sampler, nfe) in [
            (Sampler::PlainLangevin, 301),
            (Sampler::ExactLangevin, 301),
            (Sampler::Consistent, 100),
            (Sampler::Ancestral, 100),
            (Sampler::ReverseDiffusion, 100),
            (Sampler::PredictorCorrector, 1 + 99 * 4),
            (Sampler::Ode, 100),
            (Sampler::Heun, 199),
        ] {
            let table = Settings { sampler, ..settings() }.step_table().expect("possible");
            assert_eq!(table.nfe(), nfe, "{sampler:?}");
        }
    }

    /// A step's level is that of the σ at which it evaluates the score, also for half steps and
    /// corrections.
    #[test]
    fn steps_carry_the_level_that_they_ask_at() {
        for sampler in Sampler::ALL.into_iter().filter(|&s| s != Sampler::PlainLangevin) {
            let settings = Settings { sampler, ..settings() };
            let sigmas = match sampler {
                Sampler::Heun => edm::karras_sigmas(&settings.schedule, settings.rho),
                _ => settings.schedule.sigmas(),
            };
            for step in settings.step_table().expect("possible").steps {
                assert_eq!(step.sigma, sigmas[step.level], "{sampler:?}");
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

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let refused = |settings: Settings| settings.step_table().expect_err("must be refused");
        let base = settings();
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
        let churn = Some(Churn { s_tmin: 2.0, s_tmax: 1.0, ..Churn::NONE });
        assert!(matches!(refused(Settings { churn, ..base }), SettingsError::Churn(_)));
        let schedule = NoiseSchedule { levels: 0, ..base.schedule };
        assert!(matches!(refused(Settings { schedule, ..base }), SettingsError::NoiseSchedule(_)));
        let huge = Settings { steps_each: 100_000, ..base };
        assert!(matches!(refused(huge), SettingsError::Steps(_)));
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
        }
    }
}
