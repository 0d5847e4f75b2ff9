//! The options of a training run, which its checkpoints store.

use flate2::Crc;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Augmentation, Precision, average, schedule};
use crate::data::Pictures;
use crate::loss::Weighting;
use crate::model_file::ModelFile;
use crate::net::Architecture;
use crate::noise::Ladder;
use crate::sample::{Settings, Strength};

/// Everything besides the data that decides a run's final weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The network.
    pub architecture: Architecture,
    /// Identifies the pictures; `None` in checkpoints from before this was recorded.
    #[serde(default)]
    pub pictures: Option<Fingerprint>,
    /// The licence of the pictures, for the card, if it is known.
    #[serde(default)]
    pub licence: Option<String>,
    /// The model that the run started from, in words for the card; `None` if its weights were drawn
    /// at random.
    #[serde(default)]
    pub from: Option<String>,
    /// The sampler settings to recommend; `None` for the defaults of this kind of network.
    #[serde(default)]
    pub sampler: Option<Settings>,
    /// The settings that made the best pictures, if they were measured for the model that the run
    /// started from.
    #[serde(default)]
    pub best: Option<Settings>,
    /// The seed of weights, order, noise levels and noise.
    pub seed: u64,
    /// Optimiser steps of the whole run.
    pub steps: u64,
    /// Pictures per step.
    pub batch: usize,
    /// The number of parts that a batch is computed in, one after another.
    pub accumulate: usize,
    /// The precision that the network computes in.
    pub precision: Precision,
    /// Adam's learning rate after warm-up, before decay.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from 0.
    pub warm_up: u64,
    /// The largest norm of all gradients together.
    pub clip: f32,
    /// The decay of the moving average, per step.
    pub ema_decay: f64,
    /// λ(σ).
    pub weighting: Weighting,
    /// The largest noise level.
    pub sigma_max: f32,
    /// The smallest noise level.
    pub sigma_min: f32,
    /// Training draws `ln σ ~ N(ln sigma_centre, sigma_spread²)`, clamped to the levels' range
    /// (EDM's choice, Karras et al. 2022, table 1, scaled to pixels in \[0, 1\]).
    pub sigma_centre: f32,
    /// See `sigma_centre`; in nats.
    pub sigma_spread: f32,
    /// L, the number of noise levels that the model recommends to samplers.
    #[serde(default = "levels")]
    pub levels: usize,
    /// The changes made to pictures before noise is added.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// The σ from which the network learns the mean noise over all pictures instead of the noise
    /// that was added: the same score with less variance (Xu et al. 2023). `None` is never.
    #[serde(default)]
    pub stable_targets: Option<f32>,
    /// What is learned instead of the score of the pictures; see [`super::Trainer::autoguided`].
    #[serde(default)]
    pub autoguidance: Option<Autoguidance>,
}

/// What a run may learn instead of the score of the pictures: the score of the model it starts
/// from, guided away from a worse model's ([`crate::sample::guide::Autoguide`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoguidance {
    /// The worse model's network.
    pub worse: Architecture,
    /// The worse model in words, for the card.
    pub name: String,
    /// The strength of the guidance, and the noise levels it acts at.
    pub strength: Strength,
}

/// Tells sets of pictures apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The number of pictures.
    pub count: usize,
    /// The CRC-32 of their pixels.
    pub checksum: u32,
}

impl Fingerprint {
    /// The fingerprint of some pictures.
    pub fn of(pictures: &Pictures) -> Self {
        let mut crc = Crc::new();
        crc.update(&pictures.bytes);
        Self { count: pictures.len(), checksum: crc.sum() }
    }
}

/// The value for checkpoints from before `levels` was recorded.
fn levels() -> usize {
    Settings::LEVELS
}

/// Why options are refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{0}")]
pub struct OptionsError(pub(super) String);

/// Checks that a number is finite and above 0.
pub(super) fn positive(name: &str, value: f64) -> Result<(), OptionsError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(OptionsError(format!("{name} must be positive, but is {value}")))
}

/// Checks a number of pictures per step.
pub(super) fn batch(size: usize) -> Result<(), OptionsError> {
    if (1..=65_536).contains(&size) {
        return Ok(());
    }
    Err(OptionsError(format!("the batch must be from 1 to 65536, but is {size}")))
}

/// Checks a number of steps, which a stream of random numbers must be able to tell apart.
pub(super) fn steps(count: u64) -> Result<(), OptionsError> {
    if (1..u64::from(u32::MAX)).contains(&count) {
        return Ok(());
    }
    let most = u32::MAX - 1;
    Err(OptionsError(format!("the number of steps must be from 1 to {most}, but is {count}")))
}

impl Options {
    /// Checks every option.
    ///
    /// # Errors
    /// [`OptionsError`] names the first impossible option.
    pub fn check(&self) -> Result<(), OptionsError> {
        let fail = |message: String| Err(OptionsError(message));
        self.architecture.check().map_err(|e| OptionsError(e.to_string()))?;
        let bytes = self.architecture.parameters().saturating_mul(size_of::<half::f16>());
        if bytes > ModelFile::MAX_BYTES {
            return fail(format!(
                "this network's file would have {bytes} bytes; a model has at most {}",
                ModelFile::MAX_BYTES
            ));
        }
        if self.architecture.preconditioning().is_none() && self.weighting != Weighting::Paper {
            return fail("this network is not preconditioned: its weighting is the paper's".into());
        }
        let Self { sigma_max, sigma_min, levels, .. } = *self;
        let ladder = Ladder { sigma_max, sigma_min, levels };
        ladder.check().map_err(|e| OptionsError(e.to_string()))?;
        positive("the learning rate", self.learning_rate)?;
        positive("the clipping norm", f64::from(self.clip))?;
        positive("sigma_centre", f64::from(self.sigma_centre))?;
        positive("sigma_spread", f64::from(self.sigma_spread))?;
        if let Some(from) = self.stable_targets {
            positive("the σ of stable targets", f64::from(from))?;
            if self.autoguidance.is_some() {
                return fail(
                    "stable targets are of the pictures, autoguidance is of a model".into(),
                );
            }
        }
        if let Some(Autoguidance { worse, strength, .. }) = &self.autoguidance {
            worse.check().map_err(|e| OptionsError(e.to_string()))?;
            let (found, picture) = (worse.picture(), self.architecture.picture());
            if found != picture {
                return fail(format!("the worse model makes {found}, the better one {picture}"));
            }
            strength.check().map_err(|e| OptionsError(e.to_string()))?;
        }
        if !(0.0..1.0).contains(&self.ema_decay) {
            return fail(format!("the EMA's decay must be in [0, 1), but is {}", self.ema_decay));
        }
        batch(self.batch)?;
        if !(1..=self.batch).contains(&self.accumulate) {
            let Self { accumulate, batch, .. } = self;
            return fail(format!("a batch of {batch} cannot be computed in {accumulate} parts"));
        }
        steps(self.steps)
    }

    /// The learning rate at a step.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        self.learning_rate * schedule::at(step, self.warm_up, self.steps)
    }

    /// The moving average's decay at a step: smaller at first, so that the random start does not
    /// linger.
    pub fn ema_decay_at(&self, step: u64) -> f64 {
        average::decay_at(self.ema_decay, step)
    }
}
