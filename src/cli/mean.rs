//! `ncsn mean`: writes the training images' mean into a card.

use std::path::PathBuf;

use anyhow::ensure;

use super::data_set::{self, ImageArgs};
use super::model;
use crate::model_file::ModelFile;
use crate::train::Fingerprint;

/// Record the mean of the training images in a model's card, so that chains begin around it
/// instead of around an even gray.
///
/// `train` does so itself; this is for models from before it did, and for imported ones. Only the
/// card changes.
#[derive(clap::Args)]
pub struct Mean {
    /// The model: a .safetensors file, whose card is to be changed.
    #[arg(long)]
    model: PathBuf,
    #[command(flatten, next_help_heading = "Images")]
    images: ImageArgs,
}

/// Runs the command.
///
/// # Errors
/// If the model was trained on other images, or a file cannot be read or written.
pub(super) fn run(arguments: &Mean) -> anyhow::Result<()> {
    ensure!(
        model::on_hub(&arguments.model).is_none(),
        "{}: the card of a model on the hub cannot be changed; download the file and give its path",
        arguments.model.display()
    );
    let ModelFile { card, weights } = model::open(&arguments.model)?;
    let data = arguments.images.load_shaped(card.architecture.image_shape())?;
    data_set::say(&data);
    if let Some(training) = &card.training {
        ensure!(
            model::was_trained_on(&card, &data.name, Fingerprint::of(&data.train)),
            "{} was trained on other images than these: on {} of {}",
            arguments.model.display(),
            training.images,
            training.data
        );
    }
    let mean = data.train.statistics().mean;
    model::change_card(&arguments.model, &weights, |card| card.mean = Some(mean))?;
    println!("chains of {} begin around {mean}", arguments.model.display());
    Ok(())
}
