//! The options of a training run, which its checkpoints store.

use serde::{Deserialize, Serialize};

use super::options_error::OptionsError;
use super::{
    Augmentation, Autoguidance, Consistency, DistributionMatching, Fingerprint, Precision,
};
use crate::loss::Weighting;
use crate::model_file::ModelFile;
use crate::net::Architecture;
use crate::noise::NoiseSchedule;
use crate::recipe::Recipe;
use crate::sample::{Sampler, Settings};

/// Everything besides the data that decides a run's final weights, and what its model's card says of
/// it: its license, where it started, and sampler settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The network.
    pub architecture: Architecture,
    /// Identifies the images; `None` in checkpoints from before this was recorded.
    #[serde(default)]
    #[serde(rename = "pictures")]
    pub images: Option<Fingerprint>,
    /// The license of the images, for the card, if it is known.
    #[serde(default)]
    #[serde(rename = "licence")]
    pub license: Option<String>,
    /// The model that the run started from, in words for the card; `None` if its weights were drawn
    /// at random.
    #[serde(default)]
    pub from: Option<String>,
    /// The sampler settings to recommend; `None` for those that suit the network and the method.
    #[serde(default)]
    pub sampler: Option<Settings>,
    /// The settings that made the best images, if they were measured for the model that the run
    /// started from.
    #[serde(default)]
    pub best: Option<Settings>,
    /// The seed of weights, order, noise levels and noise.
    pub seed: u64,
    /// Optimizer steps of the whole run.
    pub steps: u64,
    /// Images per step.
    pub batch: usize,
    /// See [`Recipe::grad_accum_steps`].
    #[serde(rename = "accumulate")]
    pub grad_accum_steps: usize,
    /// The precision that the network computes in.
    pub precision: Precision,
    /// See [`Recipe::learning_rate`].
    pub learning_rate: f64,
    /// See [`Recipe::warmup_steps`].
    #[serde(rename = "warm_up")]
    pub warmup_steps: u64,
    /// See [`Recipe::max_grad_norm`].
    #[serde(rename = "clip")]
    pub max_grad_norm: f32,
    /// See [`Recipe::ema_decay`]; per step of the network, not of a critic.
    pub ema_decay: f64,
    /// λ(σ).
    pub weighting: Weighting,
    /// The largest noise level.
    pub sigma_max: f32,
    /// The smallest noise level.
    pub sigma_min: f32,
    /// See [`Recipe::sigma_median`].
    #[serde(rename = "sigma_centre")]
    pub sigma_median: f32,
    /// See [`Recipe::p_std`].
    #[serde(rename = "sigma_spread")]
    pub p_std: f32,
    /// L, the number of noise levels that the model recommends to samplers.
    #[serde(default = "levels")]
    pub levels: usize,
    /// The changes made to images before noise is added.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// See [`Recipe::label_dropout`]; 0 for an unconditional network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_dropout: f32,
    /// The σ from which the network learns the mean noise over all images instead of the noise
    /// that was added: the same score with less variance (Xu et al. 2023). `None` is never.
    #[serde(default)]
    pub stable_targets: Option<f32>,
    /// What is learned instead of the score of the images; see
    /// [`super::Start::Autoguided`].
    #[serde(default)]
    pub autoguidance: Option<Autoguidance>,
    /// Set if the network is tuned to lead to the end of the flow in one evaluation, instead of
    /// learning the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
    /// What is learned instead of the score: to draw in few evaluations from a model's distribution;
    /// see [`super::Start::Matched`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution_matching: Option<DistributionMatching>,
}

fn is_zero(share: &f32) -> bool {
    *share == 0.0
}

/// The value for checkpoints from before `levels` was recorded.
fn levels() -> usize {
    Settings::LEVELS
}

impl Options {
    /// Checks every option.
    ///
    /// # Errors
    /// [`OptionsError`] names the first impossible option.
    pub fn check(&self) -> Result<(), OptionsError> {
        let fail = |message: String| Err(OptionsError::Impossible(message));
        self.architecture.check()?;
        let bytes = self.architecture.parameters().saturating_mul(size_of::<half::f16>());
        if bytes > ModelFile::MAX_BYTES {
            return fail(format!(
                "this network's file would have {bytes} bytes; a model has at most {}",
                ModelFile::MAX_BYTES
            ));
        }
        if self.architecture.preconditioning().is_none() && self.weighting != Weighting::Ncsn {
            return fail("this network is not preconditioned: its weighting is NCSN's".into());
        }
        self.schedule().check()?;
        self.recipe().check()?;
        self.check_methods()
    }

    /// The noise levels that the model recommends to samplers.
    fn schedule(&self) -> NoiseSchedule {
        let Self { sigma_max, sigma_min, levels, .. } = *self;
        NoiseSchedule { sigma_max, sigma_min, levels }
    }

    /// The sampler settings that the model recommends.
    pub fn recommended_settings(&self) -> Settings {
        self.sampler.unwrap_or_else(|| {
            let usual = Settings::for_network(&self.architecture, self.schedule());
            if self.few_step() { usual.for_sampler(Sampler::Consistency) } else { usual }
        })
    }

    /// What each step draws and does.
    pub fn recipe(&self) -> Recipe {
        Recipe {
            seed: self.seed,
            steps: self.steps,
            batch: self.batch,
            grad_accum_steps: self.grad_accum_steps,
            learning_rate: self.learning_rate,
            warmup_steps: self.warmup_steps,
            max_grad_norm: self.max_grad_norm,
            ema_decay: self.ema_decay,
            flip: self.augmentation.flip,
            dequantize: self.augmentation.dequantize,
            sigma_median: self.sigma_median,
            p_std: self.p_std,
            sigmas: [self.sigma_min, self.sigma_max],
            label_dropout: self.label_dropout,
            weighting: self.weighting,
        }
    }

    /// The learning rate at a step.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        self.recipe().learning_rate_at(step)
    }

    /// The moving average's decay at a step. Of a run with a critic, only the network's own steps count.
    pub fn ema_decay_at(&self, step: u64) -> f64 {
        let matching = self.distribution_matching.as_ref();
        let made = matching.map_or(step, |by| by.generator_steps(step, self.warmup_steps));
        self.recipe().ema_decay_at(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a checkpoint from before fields of [`Options`] were renamed.
    const HEADER: &str = r#"{"architecture":{"kind":"unet","picture":{"channels":1,"height":8,"width":8},
        "patch":2,"widths":[8],"blocks":1,"attention":[true],"heads":1,"groups":4,"embedding":16,
        "preconditioning":{"mean":0.25,"deviation":0.5}},"pictures":{"count":3,"checksum":7},
        "licence":"CC0","from":"x","sampler":null,"best":null,"seed":1,"steps":100,"batch":4,
        "accumulate":2,"precision":"f32","learning_rate":0.001,"warm_up":5,"clip":1.0,
        "ema_decay":0.9,"weighting":"edm","sigma_max":20.0,"sigma_min":0.01,"sigma_centre":0.4,
        "sigma_spread":1.5,"levels":10,"augmentation":{"flip":true,"dequantize":false},
        "stable_targets":null,"autoguidance":{"worse":{"kind":"refinenet","variant":"ncsn",
        "picture":{"channels":1,"height":8,"width":8},"depth":"standard","ngf":8,
        "ladder":{"sigma_max":1.0,"sigma_min":0.01,"levels":10}},"name":"w",
        "strength":{"weight":2.0,"sigmas":[0.0,1.0]}}}"#;

    #[test]
    fn checkpoints_of_earlier_versions_are_read_and_written_with_the_same_names() {
        let before: serde_json::Value = serde_json::from_str(HEADER).expect("JSON");
        let options: Options = serde_json::from_str(HEADER).expect("all fields are known");
        assert_eq!((options.sigma_median, options.p_std), (0.4, 1.5));
        assert_eq!((options.warmup_steps, options.grad_accum_steps), (5, 2));
        let after = serde_json::to_value(&options).expect("plain data");
        let names = |value: &serde_json::Value| {
            let mut names = Vec::new();
            let mut open = vec![(String::new(), value)];
            while let Some((path, value)) = open.pop() {
                for (name, value) in value.as_object().into_iter().flatten() {
                    names.push(format!("{path}.{name}"));
                    open.push((format!("{path}.{name}"), value));
                }
            }
            names.sort();
            names
        };
        assert_eq!(names(&after), names(&before));
    }

    /// Numbers that serde_json reads as their neighbors without its feature `float_roundtrip`.
    #[test]
    fn doubles_are_the_same_after_a_checkpoint() {
        let plain: Options = serde_json::from_str(HEADER).expect("all fields are known");
        let (learning_rate, ema_decay) = (0.009153001930085515, 0.9913302060167127);
        let options = Options { learning_rate, ema_decay, ..plain };
        let json = serde_json::to_string(&options).expect("plain data");
        assert_eq!(serde_json::from_str::<Options>(&json).expect("its own output"), options);
    }

    #[test]
    fn the_average_counts_the_steps_of_the_network_alone() {
        let plain: Options = serde_json::from_str(HEADER).expect("all fields are known");
        assert_eq!(plain.ema_decay_at(9), 10.0 / 19.0);
        let (model, name) = (plain.architecture.clone(), "a model".into());
        let by = DistributionMatching { model, name, critic_steps: 4 };
        let matches = Options { distribution_matching: Some(by), ..plain };
        // The network's first and second step: five are of the warm-up.
        assert_eq!([9, 14].map(|step| matches.ema_decay_at(step)), [0.1, 2.0 / 11.0]);
    }
}
