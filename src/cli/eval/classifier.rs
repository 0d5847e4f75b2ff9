//! The classifier that judges samples: trained once per data set, then cached.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use burn::tensor::Device;
use sha2::{Digest, Sha256};

use crate::classifier::{ClassifierFile, accuracy};
use crate::cli::classifiers::{self, Labeled};
use crate::cli::output;
use crate::data::{DataSet, Images, built_in};
use crate::eval::Task;
use crate::train::ClassifierOptions;

/// How the classifier is trained. Any change here changes every figure, so increment [`RECIPE`].
fn options(images: usize) -> ClassifierOptions {
    const EPOCHS: u64 = 4;
    const BATCH: u64 = 128;
    let sigma = 0.01;
    ClassifierOptions {
        // Small sets are seen more often.
        steps: (EPOCHS * images as u64 / BATCH).clamp(800, 4000),
        batch: BATCH as usize,
        learning_rate: 3e-3,
        sigmas: [sigma, sigma],
        shift: 2,
        seed: 0,
    }
}

const RECIPE: u32 = 1;

/// Finds the classifier of a data set in the cache, or trains it; also returns what it classifies.
/// The training images of a cached one are the same, but classes may have been renamed and other
/// images held out since, so the names and the accuracy are always those of this data set.
///
/// # Errors
/// If there is nothing in the data to classify, or the cache cannot be written.
pub fn find_or_train(data: &DataSet, device: &Device) -> anyhow::Result<(ClassifierFile, Task)> {
    let task = Task::of(&data.train, &data.held_out);
    let train = task.labeled(&data.train);
    let held_out = task.labeled(&data.held_out);
    let classes = task.classes(&data.train, &data.classes);
    let path = cache()?.join(format!("{}-{}.safetensors", data.name, fingerprint(&train)));
    let cached = fs::read(&path).ok().and_then(|bytes| ClassifierFile::read(&bytes).ok());
    if let Some(mut file) = cached.filter(|file| file.card.classes.len() == classes.len()) {
        let (classifier, sigma) = (file.network(device)?, file.card.sigma_min);
        file.card.accuracy = accuracy(&classifier, &held_out, sigma, None, device);
        file.card.classes = classes;
        return Ok((file, task));
    }
    let labeled = Labeled {
        name: &data.name,
        classes,
        scale: data.train.statistics(),
        train: &train,
        held_out: &held_out,
    };
    output::ensure_writable(&path)?;
    println!("training a classifier of the data (once; it is kept for later)");
    let file = classifiers::train(labeled, &options(train.len()), device)?;
    output::write(&path, &file.write()?)?;
    Ok((file, task))
}

fn cache() -> anyhow::Result<PathBuf> {
    let folder = built_in::cache().context("there is no folder for caches")?.join("classifiers");
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    Ok(folder)
}

/// Identifies a classifier by what it is made from: the data set and the recipe.
fn fingerprint(train: &Images) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{RECIPE} {}", train.shape));
    hasher.update(&train.bytes);
    hasher.update(train.labels.as_deref().unwrap_or_default());
    hasher.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
