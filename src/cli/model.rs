//! Opens models for the commands, and reads and writes their cards.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::{output, progress};
use crate::hub::{self, Address};
use crate::model_file::{Card, ModelError, ModelFile};
use crate::net::ImageShape;
use crate::net::weights::carry_over;
use crate::train::Fingerprint;

/// The help of the flags that name a model to read.
pub(super) const HELP: &str = "The model: a .safetensors file written by `train` or `import`, or \
                               hf:USER/NAME[/FILE][@REVISION] on the Hugging Face hub";

/// Reads a model: a file, or one on the hub by its address, `hf:user/name`. An error names it.
pub(super) fn open(path: &Path) -> anyhow::Result<ModelFile> {
    let path = local(path)?;
    parse(&path, &bytes(&path)?)
}

/// Reads a model from a file's contents; an error names the file.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<ModelFile> {
    ModelFile::read(bytes).with_context(|| format!("cannot use {}", path.display()))
}

/// The contents of a file that is to be a model or a classifier; an error names it. What is larger
/// than any of these is refused before it is read.
pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    const MOST: u64 = ModelFile::MAX_BYTES as u64;
    let read = || -> anyhow::Result<Vec<u8>> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        ensure!(size <= MOST, ModelError::TooLarge(usize::try_from(size).unwrap_or(usize::MAX)));
        let mut bytes = Vec::new();
        // A pipe does not tell its size.
        file.take(MOST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}

/// Opens a second model, which must make images of the given shape.
///
/// # Errors
/// If it cannot be read or makes images of another shape.
pub(super) fn of_shape(path: &Path, shape: ImageShape) -> anyhow::Result<ModelFile> {
    let second = open(path)?;
    let found = second.card.architecture.image_shape();
    ensure!(found == shape, "{} makes {found}, but the model makes {shape}", path.display());
    Ok(second)
}

/// A model with these classes instead of its own, if it has any: those of the same name are the same.
pub(super) fn with_classes_of(model: ModelFile, classes: &[String]) -> ModelFile {
    let ModelFile { mut card, weights } = model;
    if card.classes.is_empty() {
        return ModelFile { card, weights };
    }
    let weights = carry_over(weights, &card.class_names(), classes);
    card.architecture = card.architecture.with_classes(classes.len());
    ModelFile { card, weights }
}

/// Whether a model was trained on these very images, of a data set of this name.
pub(super) fn was_trained_on(card: &Card, name: &str, found: Fingerprint) -> bool {
    let Some(training) = &card.training else { return false };
    match training.checksum {
        Some(checksum) => found == Fingerprint { count: training.images, checksum },
        // An older card only has their name and number.
        None => (&training.data[..], training.images) == (name, found.count),
    }
}

/// Writes a model's card into its file, whose tensors stay as they are.
///
/// # Errors
/// If the file cannot be read or written, or has other weights by now: a training run writes its
/// model again and again.
pub(super) fn write_card(path: &Path, model: &ModelFile) -> anyhow::Result<()> {
    let bytes = bytes(path)?;
    ensure!(
        parse(path, &bytes)?.weights == model.weights,
        "the weights in {} have changed in the meantime, so its card is left as it is",
        path.display()
    );
    output::write(path, &ModelFile::with_card(&bytes, &model.card)?)
}

/// The address on the hub that is given instead of a path.
pub(super) fn on_hub(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.starts_with(Address::PREFIX) && !path.exists())
}

/// The file on this machine that a path or an address on the hub names.
pub(super) fn local(path: &Path) -> anyhow::Result<Cow<'_, Path>> {
    match on_hub(path) {
        None => Ok(path.into()),
        Some(text) => {
            let limit = ModelFile::MAX_BYTES as u64;
            Ok(hub::fetch(&text.parse()?, limit, &progress::download)?.into())
        }
    }
}

/// The path that what is made of a model is named after: its own or, for one on the hub, that of a
/// file in the working directory with its repository's name.
pub(super) fn namesake(path: &Path) -> anyhow::Result<Cow<'_, Path>> {
    let Some(text) = on_hub(path) else { return Ok(path.into()) };
    let address: Address = text.parse()?;
    let name = address.repository.rsplit('/').next().unwrap_or_default();
    Ok(PathBuf::from(format!("{name}.safetensors")).into())
}
