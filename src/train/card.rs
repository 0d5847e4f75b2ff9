//! The card of the model that a run makes.

use super::Trainer;
use crate::data::DataSet;
use crate::model_file::{Autoguided, Card, Class, TrainingRecord};

/// The card of a run's model as it is now. `mean` is that of the training images, in \[0, 1\],
/// `device` is where the run computes, in words, and `held_out` are the losses of
/// [`Trainer::held_out`].
pub(super) fn card(
    trainer: &Trainer,
    data: &DataSet,
    name: String,
    mean: f32,
    device: String,
    held_out: Vec<(f32, f32)>,
) -> Card {
    let options = trainer.options().clone();
    let sampler = options.recommended_settings();
    let recipe = options.recipe();
    let record = TrainingRecord::new(data.name.clone(), data.train.len(), &recipe, device);
    let training = TrainingRecord {
        checksum: options.images.map(|images| images.checksum),
        stable_targets: options.stable_targets,
        few_step: options.few_step(),
        consistency_distillation: options.distills(),
        from: options.from,
        autoguidance: options
            .autoguidance
            .map(|by| Autoguided { away_from: by.name, guidance_scale: by.guidance_scale }),
        distribution_matching: options.distribution_matching.map(|by| by.name),
        held_out,
        ..record.after(trainer.done(), &recipe, trainer.seconds())
    };
    let count = options.architecture.classes();
    let counts = data.train.class_counts(count);
    let name_of = |class: usize| data.classes.get(class).cloned();
    let classes = (0..count).zip(counts).map(|(class, images)| Class {
        name: name_of(class).unwrap_or_else(|| class.to_string()),
        images,
    });
    let classes = classes.collect();
    let card = Card::of_run(name, options.architecture, sampler, mean, training);
    Card { classes, best: options.best, license: options.license.unwrap_or(card.license), ..card }
}
