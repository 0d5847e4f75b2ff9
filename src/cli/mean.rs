//! `ncsn mean`: where a model's chains begin.

use std::fs;
use std::path::PathBuf;

use anyhow::ensure;

use super::data_set::{self, ImageArgs};
use super::train::is_of;
use super::{model, output};
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
    let mut card = model::open(&arguments.model)?.card;
    let data = arguments.images.load_shaped(card.architecture.image_shape())?;
    data_set::say(&data);
    if let Some(training) = &card.training {
        ensure!(
            is_of(&card, &data.name, Fingerprint::of(&data.train)),
            "{} was trained on other images than these: on {} of {}",
            arguments.model.display(),
            training.images,
            training.data
        );
    }
    let mean = data.train.statistics().mean;
    card.mean = Some(mean);
    let bytes = ModelFile::with_card(&fs::read(&arguments.model)?, &card)?;
    output::write(&arguments.model, &bytes)?;
    println!("chains of {} begin around {mean}", arguments.model.display());
    Ok(())
}
