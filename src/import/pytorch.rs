//! PyTorch checkpoints.
//!
//! The trainers of NCSN and NCSNv2 save a *list*: the network's `state_dict` (whose names begin
//! with `module.`, after `DataParallel`), the optimiser's, and in NCSNv2 the epoch, the step and
//! the moving average of the weights. The reader needs a dictionary at a file's root, so it gets a
//! copy of the file in which the list is the only entry of one. Other trainers save dictionaries,
//! each with keys of its own; [`Choice`] says which of the networks in them is read.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use half::{bf16, f16};
use pytorch_reader::{DType, PickleValue, PytorchError, PytorchReader, Tensor};
use tempfile::NamedTempFile;
use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::contents::{Chosen, Contents};
use super::networks::{FIRST, ROOT, Root};
use super::pickle;
use crate::model_file::{ModelFile, one_line};
use crate::net::weights::{Array, Weights};

/// Which of a checkpoint's networks to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The moving average of the weights, if there is one, and not the weights themselves.
    pub average: bool,
    /// Only networks at this key or within it, such as `ema.module`.
    pub key: Option<String>,
}

impl Default for Choice {
    fn default() -> Self {
        Self { average: true, key: None }
    }
}

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

/// Why a checkpoint cannot be read.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file is not in PyTorch's format, or damaged.
    #[error("not a readable PyTorch checkpoint: {0}")]
    Format(String),
    /// The file, or the copy of it, cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// There is no network in it.
    #[error(
        "there is no network of ermongroup's NCSN or NCSNv2 in the checkpoint: no tensor is called \
         `{FIRST}`"
    )]
    NoNetwork,
    /// There is only a moving average without the names of its tensors.
    #[error(
        "`{0}` holds weights without their names, and the checkpoint has no network of NCSN or \
         NCSNv2 that they could be of: no tensor is called `{FIRST}`"
    )]
    Nameless(String),
    /// There is no network at the key that was asked for.
    #[error("there is no network at the key `{key}`; there is one at {}", list(.found))]
    NoKey {
        /// What was asked for.
        key: String,
        /// The keys of the networks.
        found: Vec<String>,
    },
    /// Two networks with different weights could be meant.
    #[error(
        "the checkpoint has different weights at {}, and their keys do not tell which are {meant}: \
         choose with --key", list(.keys)
    )]
    Ambiguous {
        /// The keys of the networks.
        keys: Vec<String>,
        /// What was asked for.
        meant: &'static str,
    },
    /// There are no weights but a moving average.
    #[error("the checkpoint has only a moving average of the weights, at {}: leave out --no-ema", list(.0))]
    OnlyAverage(Vec<String>),
    /// The moving average has no names, or others than the network, and does not fit it.
    #[error(
        "the moving average at `{key}` does not fit the network: {reason} (--no-ema takes the weights \
         themselves)"
    )]
    Unfit {
        /// The keys of the average.
        key: String,
        /// What does not fit.
        reason: String,
    },
    /// The moving average has none of the network's names.
    #[error(
        "the moving average at `{0}` has other names than the network's weights (--no-ema takes the \
         weights themselves)"
    )]
    Unnamed(String),
    /// The average is that of no weights: training ended before its first one.
    #[error(
        "the average at `{0}` is of no weights yet, its `n_averaged` is 0 (--no-ema takes the weights \
         themselves)"
    )]
    NotBegun(String),
    /// Two tensors have the same name.
    #[error("two tensors in the checkpoint are called `{0}`")]
    Twice(String),
    /// A tensor does not hold floating-point numbers.
    #[error("the tensor `{name}` is of type {dtype:?}; weights are floating-point numbers")]
    Type {
        /// The tensor's name.
        name: String,
        /// Its type.
        dtype: DType,
    },
    /// A value is too large for f32.
    #[error("the tensor `{name}` holds {value:e}, which is beyond f32")]
    Range {
        /// The tensor's name.
        name: String,
        /// The value.
        value: f64,
    },
    /// There are more parameters than any network for small images has.
    #[error("the network has more than {MOST} parameters")]
    TooLarge,
}

impl From<PytorchError> for CheckpointError {
    fn from(error: PytorchError) -> Self {
        Self::Format(one_line(error))
    }
}

impl From<zip::result::ZipError> for CheckpointError {
    fn from(error: zip::result::ZipError) -> Self {
        Self::Format(one_line(error))
    }
}

/// Keys as they are written in a sentence.
fn list(keys: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    match &keys[..] {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        keys => keys.concat(),
    }
}

/// The most parameters that a model file can hold.
pub(super) const MOST: usize = ModelFile::MAX_BYTES / 2;

/// Reads a network of a checkpoint.
///
/// # Errors
/// [`CheckpointError`] if there is no such network, or more than one.
pub fn read(path: &Path, choice: &Choice) -> Result<Checkpoint, CheckpointError> {
    // An error of the system's is said as such.
    std::io::copy(&mut File::open(path)?.take(1), &mut std::io::sink())?;
    let root = PytorchReader::read_pickle_data(path, None)?;
    // Tensors are read lazily: the copy must exist until then.
    let (copy, kind) = match &root {
        PickleValue::List(items) => {
            let published =
                matches!(items[..], [_, _, PickleValue::Int(_), PickleValue::Int(_), _]);
            let kind = if published { Root::Published } else { Root::List };
            (Some(with_dictionary(path)?), kind)
        }
        _ => (None, Root::Dictionary),
    };
    let path = copy.as_ref().map_or(path, |copy| copy.path());
    let contents = Contents::read(path.to_owned(), kind)?;
    let Chosen { network, state } = contents.choose(choice)?;
    Ok(Checkpoint {
        state,
        averaged: network.averaged,
        key: contents.key(network),
        others: contents.others(network),
        step: step(&root),
    })
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

/// The values of a tensor.
pub(super) fn array(tensor: &Tensor) -> Result<Array, CheckpointError> {
    let bytes = tensor.read()?;
    let values = match tensor.dtype() {
        DType::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_ne_bytes(b)).collect(),
        DType::F64 => {
            let values = bytes.as_chunks().0.iter().map(|&b| f64::from_ne_bytes(b));
            let narrow = |value: f64| match value as f32 {
                narrow if narrow.is_finite() || !value.is_finite() => Ok(narrow),
                _ => Err(CheckpointError::Range { name: tensor.name.clone(), value }),
            };
            values.map(narrow).collect::<Result<_, _>>()?
        }
        DType::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_ne_bytes(b).to_f32()).collect(),
        DType::BF16 => {
            bytes.as_chunks().0.iter().map(|&b| bf16::from_ne_bytes(b).to_f32()).collect()
        }
        dtype => return Err(CheckpointError::Type { name: tensor.name.clone(), dtype }),
    };
    Ok(Array { shape: tensor.shape().to_vec(), values })
}

/// The names of all tensors, in their order in the saved object, if that can be found out.
pub(super) fn names(path: &Path) -> Result<Option<Vec<String>>, CheckpointError> {
    let mut file = File::open(path)?;
    if is_archive(&mut file)? {
        let mut archive = ZipArchive::new(file)?;
        let pickles = archive.file_names().filter(|name| is_pickle(name)).map(str::to_owned);
        let [name] = &pickles.collect::<Vec<_>>()[..] else { return Ok(None) };
        let mut pickle = Vec::new();
        archive.by_name(name)?.take(pytorch_reader::MAX_PICKLE_SIZE).read_to_end(&mut pickle)?;
        return Ok(pickle::tensors(&pickle));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(object(&bytes).and_then(|range| pickle::tensors(&bytes[range])))
}

/// Whether a file is a ZIP archive, as PyTorch has written them since 1.6.
fn is_archive(file: &mut File) -> std::io::Result<bool> {
    let mut start = [0; 2];
    file.read_exact(&mut start)?;
    file.rewind()?;
    Ok(&start == b"PK")
}

/// Whether an archive's entry of this name is the saved object.
fn is_pickle(name: &str) -> bool {
    name == "data.pkl" || name.ends_with("/data.pkl")
}

/// Where the saved object is in the stream of pickles that PyTorch wrote before 1.6: a magic number,
/// a version, facts about the system, the object, and then the storages.
fn object(bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for _ in 0..3 {
        start += pickle::length(&bytes[start..])?;
    }
    Some(start..start + pickle::length(&bytes[start..])?)
}

/// A copy of a checkpoint in which the saved object is the value of a dictionary's key [`ROOT`].
fn with_dictionary(path: &Path) -> Result<NamedTempFile, CheckpointError> {
    let mut file = File::open(path)?;
    let mut copy = NamedTempFile::new()?;
    let keyed = |pickle: &[u8]| pickle::keyed(pickle, ROOT).ok_or_else(damaged);
    if is_archive(&mut file)? {
        let mut archive = ZipArchive::new(file)?;
        let mut writer = ZipWriter::new(&mut copy);
        for index in 0..archive.len() {
            let name = archive.name_for_index(index).unwrap_or_default().to_owned();
            if is_pickle(&name) {
                let mut pickle = Vec::new();
                let limit = pytorch_reader::MAX_PICKLE_SIZE;
                archive.by_index(index)?.take(limit).read_to_end(&mut pickle)?;
                let stored =
                    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                writer.start_file(name, stored)?;
                writer.write_all(&keyed(&pickle)?)?;
            } else {
                writer.raw_copy_file(archive.by_index_raw(index)?)?;
            }
        }
        writer.finish()?;
    } else {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let object = object(&bytes).ok_or_else(damaged)?;
        copy.write_all(&bytes[..object.start])?;
        copy.write_all(&keyed(&bytes[object.clone()])?)?;
        copy.write_all(&bytes[object.end..])?;
    }
    copy.flush()?;
    Ok(copy)
}

fn damaged() -> CheckpointError {
    CheckpointError::Format("the file is damaged, or of an unknown layout".into())
}
