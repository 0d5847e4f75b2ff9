//! PyTorch checkpoints.
//!
//! The trainers of NCSN and NCSNv2 save a *list*: the network's `state_dict` (whose names begin
//! with `module.`, after `DataParallel`), the optimizer's, and in NCSNv2 the epoch, the step and
//! the moving average of the weights. The reader needs a dictionary at a file's root, so it gets a
//! copy of the file in which the list is the only entry of one. Other trainers save dictionaries,
//! each with keys of its own; [`Choice`] says which of the networks in them is read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pytorch_reader::{PickleValue, PytorchError, PytorchReader};

pub use super::checkpoint_error::CheckpointError;
pub use super::choice::Choice;
use super::choice::Chosen;
use super::networks::Root;
use super::saved_object::{check, rewritten, with_dictionary};
use super::tensors::Tensors;
use crate::net::weights::Weights;

/// What a checkpoint holds of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The tensors by their names in the `state_dict`, without the keys that lead to it.
    pub state: Weights,
    /// Whether [`Self::state`] is the moving average of the weights.
    pub averaged: bool,
    /// The keys that lead to [`Self::state`], such as `ema.module`, or `[4]` in a list.
    pub key: String,
    /// Those of the other networks in the file.
    pub others: Vec<String>,
    /// The step at which it was saved, if the checkpoint has it.
    pub step: Option<i64>,
}

/// Reads a network of a checkpoint.
///
/// # Errors
/// [`CheckpointError`] if there is no such network, or more than one.
pub fn read(path: &Path, choice: &Choice) -> Result<Checkpoint, CheckpointError> {
    // Fails here with the system's own error if the file cannot be read; the reader's would say
    // less.
    let mut start = Vec::new();
    File::open(path)?.take(9).read_to_end(&mut start)?;
    // The length of a JSON object, which no checkpoint begins with.
    if start.len() == 9 && start[6..] == *b"\0\0{" {
        return Err(CheckpointError::Safetensors);
    }
    check(path)?;
    // Tensors are read lazily: the copies must exist until then. The reader does not find the
    // directory of some archives with a record of ZIP64, which is behind it; a copy has none.
    let rewritten = match PytorchReader::read_pickle_data(path, None) {
        Err(PytorchError::Zip(_)) => Some(rewritten(path)?),
        _ => None,
    };
    let path = rewritten.as_ref().map_or(path, |copy| copy.path());
    let (kind, step) = {
        let root = PytorchReader::read_pickle_data(path, None)?;
        (kind(&root), step(&root))
    };
    let copy = match kind {
        Root::Dictionary => None,
        Root::List | Root::Published => Some(with_dictionary(path)?),
    };
    let path = copy.as_ref().map_or(path, |copy| copy.path());
    let tensors = Tensors::read(path.to_owned(), kind)?;
    let Chosen { network, state } = tensors.choose(choice)?;
    Ok(Checkpoint {
        state,
        averaged: network.averaged,
        key: tensors.key(network),
        others: tensors.others(network),
        step,
    })
}

fn kind(root: &PickleValue) -> Root {
    let PickleValue::List(items) = root else { return Root::Dictionary };
    match items[..] {
        [_, _, PickleValue::Int(_), PickleValue::Int(_), _] => Root::Published,
        _ => Root::List,
    }
}

/// The step at which a checkpoint was saved, where the published trainers and many others note it.
fn step(root: &PickleValue) -> Option<i64> {
    let step = match root {
        PickleValue::List(items) => items.get(3),
        PickleValue::Dict(entries) => entries.get("step").or_else(|| entries.get("global_step")),
        _ => None,
    };
    match step {
        Some(PickleValue::Int(step)) => Some(*step),
        _ => None,
    }
}
