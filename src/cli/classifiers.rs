//! Trains and opens classifiers, for the commands.

use std::path::Path;

use anyhow::Context;
use burn::tensor::Device;

use super::{model, progress};
use crate::classifier::{ClassifierCard, ClassifierDescription, ClassifierFile, accuracy};
use crate::data::Images;
use crate::net::Preconditioning;
use crate::train::{ClassifierOptions, train_classifier};

/// Labeled images to train a classifier on, and others to test it on.
pub struct Labeled<'a> {
    /// The data set.
    pub name: &'a str,
    /// The names of the classes, by label.
    pub classes: Vec<String>,
    /// The scale of the data.
    pub scale: Preconditioning,
    /// The images to train on.
    pub train: &'a Images,
    /// The images to test on, which are never trained on.
    pub held_out: &'a Images,
}

/// Trains a classifier, showing its progress, and measures its accuracy on the held-out images.
///
/// # Errors
/// If training fails.
pub fn train(
    data: Labeled<'_>,
    options: &ClassifierOptions,
    device: &Device,
) -> anyhow::Result<ClassifierFile> {
    let Labeled { name, classes, scale, train, held_out } = data;
    let description = ClassifierDescription::new(train.shape, classes.len(), scale);
    let template = "a classifier: {bar:30} {pos}/{len} steps, loss {msg}, {eta} left";
    let bar = progress::bar(options.steps, template);
    let show = |step, loss| {
        bar.set_position(step);
        bar.set_message(format!("{loss:.3}"));
    };
    let classifier = train_classifier(&description, train, options, device, &show)?;
    bar.finish_and_clear();
    let [sigma_min, sigma_max] = options.sigmas;
    let accuracy = accuracy(&classifier, held_out, sigma_min, None, device);
    let (format, data) = (ClassifierCard::FORMAT, name.to_owned());
    let card =
        ClassifierCard { format, data, description, classes, sigma_min, sigma_max, accuracy };
    Ok(ClassifierFile::new(card, &classifier))
}

/// Reads a classifier.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn open(path: &Path) -> anyhow::Result<ClassifierFile> {
    ClassifierFile::read(&model::bytes(path)?).with_context(|| {
        format!("cannot use {} as a classifier; `train --classifier` makes one", path.display())
    })
}
