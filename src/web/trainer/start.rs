//! What a run starts with: a page's plan, and the card and the weights that follow from it.

use serde::Deserialize;

use super::error::TrainerError;
use super::images::TrainingImages;
use crate::loss::Weighting;
use crate::model_file::{Card, ModelFile, Training};
use crate::net::weights::{Weights, carry_over, initial};
use crate::net::{Architecture, ImageShape, Preconditioning, UNetDescription};
use crate::noise::NoiseSchedule;
use crate::recipe::Recipe;
use crate::sample::Settings;
use crate::sample::settings::rounding::three_digits_up;

/// What a page decides about a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    /// The shape of the images.
    pub image_shape: ImageShape,
    /// A name for the model.
    pub name: String,
    /// Steps of the whole run.
    pub steps: u64,
    /// Images per step.
    pub batch: usize,
    /// Adam's learning rate after warm-up.
    pub learning_rate: f64,
    /// The seed of weights, order, noise levels and noise.
    pub seed: u64,
    /// Whether images are mirrored at random.
    pub flip: bool,
    /// The number of channels at each resolution of a new network.
    pub widths: Vec<usize>,
    /// How many of the images are a visitor's own; the others, which follow, are variants of these.
    /// All of them unless given.
    pub originals: Option<usize>,
    /// The largest and the smallest σ that the model was trained at, which its card says: parts of
    /// cards are only parsed natively. Its sampler's unless given.
    pub sigmas: Option<(f32, f32)>,
}

impl Plan {
    /// The decay of the moving average of the weights, per step: a short run ends before an average
    /// over a thousand steps has followed it.
    pub fn ema_decay(&self) -> f64 {
        if self.steps < 4000 { 0.99 } else { Recipe::EMA_DECAY }
    }
}

/// The card and the weights that a run starts with: those of a model, or drawn ones. The card
/// recommends the sampler that suits score matching, whatever suited the model.
///
/// # Errors
/// [`TrainerError`] if the model is for other images, or there is no such network.
pub(super) fn start(
    plan: &Plan,
    images: &TrainingImages,
    model: Option<ModelFile>,
) -> Result<(Card, Weights), TrainerError> {
    let scale = images.scale();
    let Origin { architecture, weights, from, sigmas } = match model {
        Some(model) => Origin::model(plan, model)?,
        None => Origin::drawn(plan, images, scale)?,
    };
    let training = Training {
        data: plan.name.clone(),
        images: images.originals,
        checksum: None,
        flip: plan.flip,
        stable_targets: images.stable_from(),
        from,
        autoguidance: None,
        few_step: false,
        consistency_distillation: false,
        distribution_matching: None,
        steps: 0,
        examples: 0,
        sigmas: Some(sigmas),
        ema_decay: plan.ema_decay(),
        weighting: Weighting::Edm,
        seconds: 0.0,
        device: "WebGPU".into(),
        held_out: Vec::new(),
    };
    let (sigma_max, sigma_min) = sigmas;
    let schedule = NoiseSchedule { sigma_max, sigma_min, levels: Settings::LEVELS };
    let card = Card {
        format: Card::FORMAT,
        name: plan.name.clone(),
        sampler: Settings::for_network(&architecture, schedule),
        architecture,
        mean: Some(scale.mean),
        classes: Vec::new(),
        training: Some(training),
        imported: None,
        best: None,
        quality: None,
        license: "unknown".into(),
    };
    Ok((card, weights))
}

/// A network before its first step.
struct Origin {
    architecture: Architecture,
    weights: Weights,
    /// The name of the model that the weights are from.
    from: Option<String>,
    /// The largest and the smallest σ to train at.
    sigmas: (f32, f32),
}

impl Origin {
    /// The network of a model, without its classes: a visitor's images have none.
    fn model(plan: &Plan, ModelFile { card, weights }: ModelFile) -> Result<Self, TrainerError> {
        if card.architecture.image_shape() != plan.image_shape {
            return Err(TrainerError::new("the model makes images of another shape"));
        }
        let NoiseSchedule { sigma_max, sigma_min, .. } = card.schedule();
        let range = |&(max, min): &(f32, f32)| 0.0 < min && min < max && max.is_finite();
        Ok(Self {
            architecture: card.architecture.with_classes(0).with_guidance_max(0.0),
            weights: carry_over(weights, &[], &[]),
            from: Some(card.name),
            sigmas: plan.sigmas.filter(range).unwrap_or((sigma_max, sigma_min)),
        })
    }

    /// A new network for images of this scale.
    fn drawn(
        plan: &Plan,
        images: &TrainingImages,
        scale: Preconditioning,
    ) -> Result<Self, TrainerError> {
        let mut sizes = UNetDescription::new(plan.image_shape, scale);
        if !plan.widths.is_empty() {
            sizes.widths = plan.widths.clone();
            sizes.attention = sizes.usual_attention();
        }
        let architecture = Architecture::UNet(sizes.clone());
        architecture.check()?;
        let weights = initial(&sizes, plan.seed);
        // The largest distance between two images (NCSNv2, technique 1), but at least 1: a single
        // image, or several that hardly differ, would leave next to no noise to start from.
        let sigma_max = three_digits_up(f64::from(images.largest_distance()).max(1.0));
        Ok(Self { architecture, weights, from: None, sigmas: (sigma_max, Recipe::SIGMA_MIN) })
    }
}
