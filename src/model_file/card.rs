//! The card: what a model file says of its model.

use serde::{Deserialize, Serialize};

use super::container::{CardKind, Cards};
use crate::loss::Weighting;
use crate::net::Architecture;
use crate::noise::NoiseSchedule;
use crate::recipe::Recipe;
use crate::sample::{ClassConditioning, GuidanceScale, Settings, SettingsError, Start, StepTable};

/// What a model is, where it comes from and how to sample it: JSON in the file's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The version of this format, [`Card::FORMAT`].
    pub format: u32,
    /// A name for display, such as `mnist`.
    pub name: String,
    /// The network.
    pub architecture: Architecture,
    /// The sampler settings that suit this model.
    pub sampler: Settings,
    /// The mean of the training images over all pixels, in \[0, 1\], around which chains begin.
    /// Chains of older cards, which have none, begin around ½.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f32>,
    /// The classes of a class-conditional model, by number; empty for an unconditional one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// How it was trained, if this project trained it. Like the quality it is not parsed in the
    /// browser: the page shows the card's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_family = "wasm", serde(skip_deserializing))]
    pub training: Option<TrainingRecord>,
    /// What it was imported from, if this project did not train it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_family = "wasm", serde(skip_deserializing))]
    pub imported: Option<String>,
    /// The sampler settings that made the best images, if that was measured; `sampler` then made
    /// nearly as good ones with the fewest evaluations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Settings>,
    /// How good its samples are, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_family = "wasm", serde(skip_deserializing))]
    pub quality: Option<Quality>,
    /// The license of the data it was trained on.
    #[serde(rename = "licence")]
    pub license: String,
}

/// A class that images can be asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Its name, such as `sandal`.
    pub name: String,
    /// The number of its training images: chains that are not asked for a class draw theirs in
    /// proportion.
    pub images: u32,
}

/// How good samples are, as `ncsn eval` measured it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The number of samples.
    pub n: usize,
    /// Network evaluations per sample.
    pub nfe: usize,
    /// How they were sampled.
    pub sampler: Settings,
    /// The seed.
    pub seed: u64,
    /// Fréchet's distance to held-out images, in the features of [`Self::features`].
    pub frechet: f64,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frechet_error: Option<f64>,
    /// The same distance for as many training images.
    #[serde(rename = "floor")]
    pub real: f64,
    /// The share of samples that lie among held-out images.
    pub precision: f64,
    /// The share of held-out images that lie among samples.
    pub recall: f64,
    /// The share of held-out images that the classifier gets right; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classifier_accuracy: Option<f64>,
    /// The network in whose features the samples were judged. Older cards do not name it: it was the
    /// classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureSource>,
}

/// The network in whose features samples were judged. Only figures of the same one are comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureSource {
    /// A file's name, or what the network has learned to distinguish.
    pub name: String,
    /// What identifies it: `sha256:` and the hash of the file, or `crc32c:` and the checksum of the
    /// weights.
    pub checksum: String,
}

/// How a model was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The data set.
    pub data: String,
    /// The number of its images.
    #[serde(rename = "pictures")]
    pub images: usize,
    /// CRC-32 of their pixels, which identifies them under another name; `None` in older cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<u32>,
    /// Whether images were mirrored, each with probability ½, which makes the learned density symmetric.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flip: bool,
    /// The smallest σ with stable targets (Xu et al. 2023), if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_targets: Option<f32>,
    /// The model whose weights it began with, if it did not begin with drawn ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Set if it learned that model's score, guided away from a worse model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoguidance: Option<Autoguided>,
    /// Whether it was made to draw images in one to four evaluations, by the sampler `consistency`.
    #[serde(default, rename = "consistency", skip_serializing_if = "std::ops::Not::not")]
    pub few_step: bool,
    /// Whether that was by distilling the flow of the model that it began with (Song et al. 2023), not
    /// by tuning on images (Geng et al. 2024).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consistency_distillation: bool,
    /// The model whose distribution it learned to draw from (Yin et al. 2024), if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution_matching: Option<String>,
    /// Optimizer steps since the beginning, without those of `from`.
    pub steps: u64,
    /// Images seen, counting repetitions.
    pub examples: u64,
    /// The largest and the smallest noise level that it was trained for, if recorded: samplers may
    /// keep within them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigmas: Option<(f32, f32)>,
    /// The decay of the moving average that gave these weights.
    pub ema_decay: f64,
    /// λ(σ).
    pub weighting: Weighting,
    /// Seconds spent in training steps.
    pub seconds: f64,
    /// The device it ran on.
    pub device: String,
    /// Held-out `½ ‖σ s + z‖²` at each of a few σ: (σ, loss).
    pub held_out: Vec<(f32, f32)>,
}

/// Autoguidance that a network has learned: its score is that of a sharper density than the
/// images'.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoguided {
    /// The worse model it leads away from, in words.
    pub away_from: String,
    /// How strongly, and at which noise levels.
    #[serde(flatten)]
    pub guidance_scale: GuidanceScale,
}

impl TrainingRecord {
    /// The record of a run before its first step: by denoising score matching with the noise that was
    /// added, from drawn weights. `data` is the name of the data set, `images` the number of its images,
    /// `device` where the run computes, in words.
    pub fn new(data: String, images: usize, recipe: &Recipe, device: String) -> Self {
        let [sigma_min, sigma_max] = recipe.sigmas;
        Self {
            data,
            images,
            checksum: None,
            flip: recipe.flip,
            stable_targets: None,
            from: None,
            autoguidance: None,
            few_step: false,
            consistency_distillation: false,
            distribution_matching: None,
            steps: 0,
            examples: 0,
            sigmas: Some((sigma_max, sigma_min)),
            ema_decay: recipe.ema_decay,
            weighting: recipe.weighting,
            seconds: 0.0,
            device,
            held_out: Vec::new(),
        }
    }

    /// The same after so many steps of this recipe, which took so many seconds.
    pub fn after(self, steps: u64, recipe: &Recipe, seconds: f64) -> Self {
        Self { steps, examples: steps * recipe.batch as u64, seconds, ..self }
    }
}

impl CardKind for Card {
    const KEY: &'static str = "card";
    const FORMAT: u32 = Self::FORMAT;
    const WHAT: &'static str = "model";

    fn of(cards: &Cards) -> Option<&str> {
        cards.card.as_deref()
    }
}

impl Card {
    /// The version that this code reads and writes.
    pub const FORMAT: u32 = 1;

    /// The card of a run's model, natively or on the page: of an unconditional one that nobody has
    /// judged yet, from images of unknown license. `mean` is that of their pixels, in \[0, 1\].
    pub fn of_run(
        name: String,
        architecture: Architecture,
        sampler: Settings,
        mean: f32,
        training: TrainingRecord,
    ) -> Self {
        Self {
            format: Self::FORMAT,
            name,
            architecture,
            sampler,
            mean: Some(mean),
            classes: Vec::new(),
            training: Some(training),
            imported: None,
            best: None,
            quality: None,
            license: "unknown".into(),
        }
    }

    /// The mean of the pixels of chains at their start, apart from the noise: [`Self::mean`], or ½.
    pub fn start_mean(&self) -> f32 {
        self.mean.unwrap_or(Start::GRAY)
    }

    /// Whether the network was trained to draw images in one to four evaluations, and no longer
    /// computes the score.
    pub fn is_few_step(&self) -> bool {
        self.training.as_ref().is_some_and(|training| training.few_step)
    }

    /// The names of the classes, in the order of the network's rows.
    pub fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.name.clone()).collect()
    }

    /// The classes that chains show unless asked: drawn by how often they occur in training. `None`
    /// for an unconditional model.
    pub fn drawn_classes(&self, seed: u64, count: usize) -> Option<ClassConditioning> {
        let counts: Vec<u32> = self.classes.iter().map(|class| class.images).collect();
        (!counts.is_empty()).then(|| ClassConditioning::drawn(&counts, seed, 0..count))
    }

    /// The step table of some settings for this model's chains; `strength` is as in
    /// [`Settings::step_table_from`].
    ///
    /// # Errors
    /// As [`Settings::step_table`].
    pub fn step_table(
        &self,
        settings: &Settings,
        strength: Option<f32>,
    ) -> Result<StepTable, SettingsError> {
        Ok(settings.step_table_from(strength)?.around(self.start_mean()))
    }

    /// The network's own noise levels, or else [`Settings::LEVELS`] levels between the ends that it
    /// was trained for or, if those are not recorded, between those of its recommended sampler.
    pub fn schedule(&self) -> NoiseSchedule {
        let NoiseSchedule { sigma_max, sigma_min, .. } = self.sampler.schedule;
        let trained = self.training.as_ref().and_then(|training| training.sigmas);
        let (sigma_max, sigma_min) = trained.unwrap_or((sigma_max, sigma_min));
        let between = NoiseSchedule { sigma_max, sigma_min, levels: Settings::LEVELS };
        self.architecture.schedule().unwrap_or(between)
    }
}
