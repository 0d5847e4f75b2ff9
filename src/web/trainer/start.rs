//! What a run starts with: a page's plan, and the card and the weights that follow from it.

use serde::Deserialize;
use wasm_bindgen::JsError;

use super::images::TrainingImages;
use crate::loss::Weighting;
use crate::model_file::{self, Card, ModelFile};
use crate::net::weights::{Weights, carry_over, initial};
use crate::net::{Architecture, ImageShape, UNetDescription};
use crate::noise::NoiseSchedule;
use crate::sample::Settings;

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

/// The card and the weights that a run starts with.
pub(super) fn start(
    plan: &Plan,
    images: &TrainingImages,
    model: Option<ModelFile>,
) -> Result<(Card, Weights), JsError> {
    let scale = images.scale();
    let training = |from: Option<String>, sigmas| model_file::Training {
        data: plan.name.clone(),
        images: images.originals,
        checksum: None,
        flip: plan.flip,
        stable_targets: images.stable_from(),
        from,
        autoguidance: None,
        consistency: false,
        distribution_matching: None,
        steps: 0,
        examples: 0,
        sigmas: Some(sigmas),
        ema_decay: 0.99,
        weighting: Weighting::Edm,
        seconds: 0.0,
        device: "WebGPU".into(),
        held_out: Vec::new(),
    };
    if let Some(ModelFile { card, weights }) = model {
        if card.architecture.image_shape() != plan.image_shape {
            return Err(JsError::new("the model makes images of another shape"));
        }
        let NoiseSchedule { sigma_max, sigma_min, .. } = card.schedule();
        let range = |&(max, min): &(f32, f32)| 0.0 < min && min < max && max.is_finite();
        let sigmas = plan.sigmas.filter(range).unwrap_or((sigma_max, sigma_min));
        let training = Some(training(Some(card.name.clone()), sigmas));
        let (mean, name) = (Some(scale.mean), plan.name.clone());
        let license = "unknown".into();
        // A visitor's images have no classes, so the network begins as it was without one.
        let weights = carry_over(weights, &[], &[]);
        let architecture = card.architecture.clone().with_classes(0).with_guidance_max(0.0);
        let classes = Vec::new();
        let card = Card { architecture, classes, name, mean, training, license, ..card };
        return Ok((Card { best: None, quality: None, ..card }, weights));
    }
    let mut sizes = UNetDescription::new(plan.image_shape, scale);
    if !plan.widths.is_empty() {
        sizes.widths = plan.widths.clone();
        sizes.attention = sizes.usual_attention();
    }
    let architecture = Architecture::UNet(sizes);
    architecture.check()?;
    let weights = initial(&architecture, plan.seed);
    // The largest distance between two images (NCSNv2, technique 1).
    let sigma_max = images.largest_distance().max(1.0).ceil();
    let schedule = NoiseSchedule { sigma_max, sigma_min: 0.01, levels: Settings::LEVELS };
    let card = Card {
        format: Card::FORMAT,
        name: plan.name.clone(),
        sampler: Settings::for_network(&architecture, schedule),
        architecture,
        mean: Some(scale.mean),
        classes: Vec::new(),
        training: Some(training(None, (sigma_max, schedule.sigma_min))),
        imported: None,
        best: None,
        quality: None,
        license: "unknown".into(),
    };
    Ok((card, weights))
}
