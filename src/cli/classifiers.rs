//! What the programs share about classifiers.

use std::path::Path;

use anyhow::Context;
use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};

use crate::classifier::{Classifier, ClassifierDescription, ClassifierFile};
use crate::data::Pictures;
use crate::train::{ClassifierOptions, train_classifier};

/// Trains a classifier and shows how far it is.
///
/// # Errors
/// Where training fails.
pub fn train(
    description: &ClassifierDescription,
    pictures: &Pictures,
    options: &ClassifierOptions,
    device: &Device,
) -> anyhow::Result<Classifier> {
    let template = "a classifier: {bar:30} {pos}/{len} steps, loss {msg}, {eta} left";
    let style = ProgressStyle::with_template(template)?;
    let bar = ProgressBar::new(options.steps).with_style(style);
    let progress = |step, loss| {
        bar.set_position(step);
        bar.set_message(format!("{loss:.3}"));
    };
    let classifier = train_classifier(description, pictures, options, device, &progress)?;
    bar.finish_and_clear();
    Ok(classifier)
}

/// Reads a classifier, or says why not.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn open(path: &Path) -> anyhow::Result<ClassifierFile> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ClassifierFile::read(&bytes).with_context(|| {
        format!("cannot use {} as a classifier; `train --classifier` makes one", path.display())
    })
}
