//! Opens models for the commands, and reads and writes their cards.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};

use super::{output, progress};
use crate::hub::{self, Address};
use crate::model_file::{Card, ModelError, ModelFile};
use crate::net::ImageShape;
use crate::net::weights::{Weights, carry_over};
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
    let error = match ModelFile::read(bytes) {
        Ok(model) => return Ok(model),
        Err(error) => error,
    };
    let model = model_beside(path).filter(|_| matches!(error, ModelError::NoCard(_)));
    let said = model.map_or_else(|| error.into(), |model| is_checkpoint(&model));
    Err(said.context(format!("cannot use {}", path.display())))
}

/// The model that the run of a checkpoint writes; `None` if the file is not called like a checkpoint.
fn model_beside(path: &Path) -> Option<PathBuf> {
    let run = output::ends_in(path, "checkpoint").then(|| path.with_extension(""))?;
    let run = if output::ends_in(&run, "previous") { run.with_extension("") } else { run };
    // Not `with_extension`: the run may be called `lr-0.1`.
    let mut name = run.into_os_string();
    name.push(".safetensors");
    Some(name.into())
}

fn is_checkpoint(model: &Path) -> anyhow::Error {
    anyhow!(
        "it is a checkpoint, with which `train --resume` goes on; its model is {}",
        model.display()
    )
}

/// The contents of a file that is to be a model or a classifier; an error names it. What is larger
/// than any of these is refused before it is read.
pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    const MOST: u64 = ModelFile::MAX_BYTES as u64;
    let read = || -> anyhow::Result<Vec<u8>> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        if size > MOST {
            // Checkpoints are several times as large as their models.
            let too_large = || ModelError::TooLarge(usize::try_from(size).unwrap_or(usize::MAX));
            let model = model_beside(path);
            return Err(model.map_or_else(|| too_large().into(), |model| is_checkpoint(&model)));
        }
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
        Some(checksum) => (training.images, checksum) == (found.count, found.checksum),
        // An older card only has their name and number.
        None => (&training.data[..], training.images) == (name, found.count),
    }
}

/// Changes the card in the file of a model with these weights; its tensors stay as they are.
/// `change` gets the card as it is now: another command may have changed other parts of it since it
/// was read first. If it changes nothing, nothing is written.
///
/// # Errors
/// If the file cannot be read or written, or has other weights by now: a training run writes its
/// model again and again.
pub(super) fn change_card<T>(
    path: &Path,
    weights: &Weights,
    change: impl FnOnce(&mut Card) -> T,
) -> anyhow::Result<T> {
    let bytes = bytes(path)?;
    let mut found = parse(path, &bytes)?;
    ensure!(
        found.weights == *weights,
        "the weights in {} have changed in the meantime, so its card is left as it is",
        path.display()
    );
    let before = found.card.clone();
    let result = change(&mut found.card);
    if found.card != before {
        output::write(path, &ModelFile::with_card(&bytes, &found.card)?)?;
    }
    Ok(result)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::train::test_model::model;

    #[test]
    fn the_model_of_a_checkpoint_is_named() {
        let beside =
            |name: &str| model_beside(Path::new(name)).map(|path| path.display().to_string());
        assert_eq!(beside("a/m.checkpoint").as_deref(), Some("a/m.safetensors"));
        assert_eq!(beside("lr-0.1.previous.checkpoint").as_deref(), Some("lr-0.1.safetensors"));
        assert_eq!(beside("m.safetensors"), None);
    }

    #[test]
    fn what_others_write_into_a_card_meanwhile_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("m.safetensors");
        fs::write(&path, model(false).write().expect("finite")).expect("written");
        let [first, second] = [(); 2].map(|()| open(&path).expect("a model"));
        change_card(&path, &first.weights, |card| card.mean = Some(0.25)).expect("written");
        let best = second.card.sampler;
        change_card(&path, &second.weights, |card| card.best = Some(best)).expect("written");
        let card = open(&path).expect("still a model").card;
        assert_eq!(card, Card { mean: Some(0.25), best: Some(best), ..first.card });

        let bytes = fs::read(&path).expect("there");
        let seen = change_card(&path, &first.weights, |card| card.mean).expect("read");
        assert_eq!(seen, Some(0.25));
        let mut trained = second;
        let array = trained.weights.values_mut().next().expect("it has weights");
        array.values[0] += 1.0;
        let said = change_card(&path, &trained.weights, |card| card.mean = None);
        let said = said.expect_err("other weights").to_string();
        assert!(said.contains("have changed in the meantime"), "{said}");
        assert_eq!(fs::read(&path).expect("there"), bytes);
    }
}
