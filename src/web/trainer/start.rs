//! What a run starts with: a page's plan, and the recipe, the card and the weights that follow from it.

use serde::Deserialize;

use super::error::TrainerError;
use super::images::TrainingImages;
use crate::model_file::{Card, ModelFile, TrainingRecord};
use crate::net::weights::{Weights, carry_over, initial};
use crate::net::{Architecture, ImageShape, Preconditioning, UNetDescription};
use crate::noise::NoiseSchedule;
use crate::recipe::{Recipe, statistics};
use crate::sample::Settings;
use crate::sample::settings::rounding::three_digits_up;

/// What a page decides about a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrainingPlan {
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

/// The recipe of a run, and the card and the weights that it starts with: those of a model, or drawn
/// ones. The card recommends the sampler that suits score matching, whatever suited the model.
///
/// # Errors
/// [`TrainerError`] if the model is for other images, there is no such network, or a number of the plan
/// is impossible.
pub(super) fn start(
    plan: &TrainingPlan,
    images: &TrainingImages,
    model: Option<ModelFile>,
) -> Result<(Recipe, Card, Weights), TrainerError> {
    let scale = statistics(&images.bytes);
    let Origin { architecture, weights, from, sigmas } = match model {
        Some(model) => Origin::model(plan, model)?,
        None => Origin::drawn(plan, images, scale)?,
    };
    let (sigma_max, sigma_min) = sigmas;
    let recipe = Recipe {
        seed: plan.seed,
        batch: plan.batch,
        learning_rate: plan.learning_rate,
        flip: plan.flip,
        ..Recipe::on_page(plan.steps, [sigma_min, sigma_max])
    };
    recipe.check()?;
    let training = TrainingRecord {
        stable_targets: images.stable_sigma(),
        from,
        ..TrainingRecord::new(plan.name.clone(), images.originals, &recipe, "WebGPU".into())
    };
    let schedule = NoiseSchedule { sigma_max, sigma_min, levels: Settings::LEVELS };
    let sampler = Settings::for_network(&architecture, schedule);
    let card = Card::of_run(plan.name.clone(), architecture, sampler, scale.mean, training);
    Ok((recipe, card, weights))
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
    fn model(
        plan: &TrainingPlan,
        ModelFile { card, weights }: ModelFile,
    ) -> Result<Self, TrainerError> {
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
        plan: &TrainingPlan,
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
