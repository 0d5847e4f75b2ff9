//! PyTorch checkpoints.
//!
//! The trainers of NCSN and NCSNv2 save a *list*: the network's `state_dict` (whose names begin
//! with `module.`, after `DataParallel`), the optimiser's, and in NCSNv2 the epoch, the step and
//! the moving average of the weights. The reader needs a dictionary at a file's root, so it gets a
//! copy of the file in which the list is the only entry of one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use half::{bf16, f16};
use pytorch_reader::{DType, PickleValue, PytorchError, PytorchReader, Tensor};
use tempfile::NamedTempFile;
use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::model_file::ModelFile;
use crate::net::weights::{Array, Weights};

/// What a checkpoint holds of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The tensors by their names in the `state_dict`, without `module.`.
    pub state: Weights,
    /// Whether [`Self::state`] is the moving average of the weights.
    pub averaged: bool,
    /// The step at which it was saved, if the checkpoint has it.
    pub step: Option<i64>,
}

/// Why a checkpoint cannot be read.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The PyTorch format is invalid.
    #[error("not a readable PyTorch checkpoint: {0}")]
    Format(#[from] PytorchError),
    /// The archive is invalid.
    #[error("not a readable PyTorch checkpoint: {0}")]
    Archive(#[from] zip::result::ZipError),
    /// The file, or the copy of it, cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// There is no network in it.
    #[error(
        "there is no network of ermongroup's NCSN or NCSNv2 in the checkpoint: no tensor is called \
         `{FIRST}`"
    )]
    NoNetwork,
    /// A tensor does not hold floating-point numbers.
    #[error("the tensor `{name}` is of type {dtype:?}; weights are floating-point numbers")]
    Type {
        /// The tensor's name.
        name: String,
        /// Its type.
        dtype: DType,
    },
    /// There are more parameters than any network for small images has.
    #[error("the network has more than {MOST} parameters")]
    TooLarge,
}

/// The tensor by which a network is recognised.
const FIRST: &str = "begin_conv.weight";
/// The most parameters that a model file can hold.
const MOST: usize = ModelFile::MAX_BYTES / 2;
/// The key of the file's original root in a copy.
const ROOT: &str = "root";

/// Reads the network of a checkpoint: the moving average of its weights, if `average` and there is
/// one, or else the weights themselves.
///
/// # Errors
/// [`CheckpointError`] if there is no such network.
pub fn read(path: &Path, average: bool) -> Result<Checkpoint, CheckpointError> {
    let root = PytorchReader::read_pickle_data(path, None)?;
    let (reader, step) = match root {
        PickleValue::List(items) => {
            let copy = with_dictionary(path)?;
            let step = match items.get(3) {
                Some(PickleValue::Int(step)) => Some(*step),
                _ => None,
            };
            // Tensors are read lazily: the copy must exist until then.
            (Source { reader: PytorchReader::new(copy.path())?, _copy: Some(copy) }, step)
        }
        _ => (Source { reader: PytorchReader::new(path)?, _copy: None }, None),
    };
    let (state, averaged) = reader.state(average)?;
    Ok(Checkpoint { state, averaged, step })
}

struct Source {
    reader: PytorchReader,
    _copy: Option<NamedTempFile>,
}

impl Source {
    /// The weights or their moving average, and whether it is the average.
    fn state(&self, average: bool) -> Result<(Weights, bool), CheckpointError> {
        let tensors = self.reader.tensors();
        // The first tensor of a network marks each network. The weights come first, and the moving
        // average lacks what is not a parameter.
        let prefixes: BTreeSet<&str> =
            tensors.keys().filter_map(|name| name.strip_suffix(FIRST)).collect();
        let mut prefixes = prefixes.into_iter();
        let mut state = self.under(prefixes.next().ok_or(CheckpointError::NoNetwork)?)?;
        let averaged = prefixes.next_back().filter(|_| average);
        if let Some(prefix) = averaged {
            state.extend(self.under(prefix)?);
        }
        Ok((state, averaged.is_some()))
    }

    /// The tensors whose names begin with a prefix, without it.
    fn under(&self, prefix: &str) -> Result<Weights, CheckpointError> {
        let tensors = self.reader.tensors().iter();
        let tensors: Vec<(&str, &Tensor)> = tensors
            .filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)))
            .collect();
        let sizes = tensors.iter().map(|(_, tensor)| tensor.num_elements());
        if sizes.fold(0, usize::saturating_add) > MOST {
            return Err(CheckpointError::TooLarge);
        }
        tensors.into_iter().map(|(name, tensor)| Ok((name.to_owned(), array(tensor)?))).collect()
    }
}

fn array(tensor: &Tensor) -> Result<Array, CheckpointError> {
    let bytes = tensor.read()?;
    let values = match tensor.dtype() {
        DType::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_ne_bytes(b)).collect(),
        DType::F64 => bytes.as_chunks().0.iter().map(|&b| f64::from_ne_bytes(b) as f32).collect(),
        DType::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_ne_bytes(b).to_f32()).collect(),
        DType::BF16 => {
            bytes.as_chunks().0.iter().map(|&b| bf16::from_ne_bytes(b).to_f32()).collect()
        }
        dtype => return Err(CheckpointError::Type { name: tensor.name.clone(), dtype }),
    };
    Ok(Array { shape: tensor.shape().to_vec(), values })
}

/// A copy of a checkpoint in which the saved object is the value of a dictionary's key [`ROOT`].
fn with_dictionary(path: &Path) -> Result<NamedTempFile, CheckpointError> {
    let mut file = File::open(path)?;
    let mut copy = NamedTempFile::new()?;
    let mut start = [0; 2];
    file.read_exact(&mut start)?;
    if &start == b"PK" {
        let mut archive = ZipArchive::new(file)?;
        let mut writer = ZipWriter::new(&mut copy);
        for index in 0..archive.len() {
            let name = archive.name_for_index(index).unwrap_or_default().to_owned();
            if name.ends_with("/data.pkl") {
                let mut pickle = Vec::new();
                let limit = pytorch_reader::MAX_PICKLE_SIZE;
                archive.by_index(index)?.take(limit).read_to_end(&mut pickle)?;
                let stored =
                    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                writer.start_file(name, stored)?;
                writer.write_all(&keyed(&pickle).ok_or_else(damaged)?)?;
            } else {
                writer.raw_copy_file(archive.by_index_raw(index)?)?;
            }
        }
        writer.finish()?;
    } else {
        // The stream of pickles that PyTorch wrote before 1.6: a magic number, a version, facts
        // about the system, the object, and then the storages.
        let bytes = std::fs::read(path)?;
        let mut object = 0;
        for _ in 0..3 {
            object += pickle_length(&bytes[object..]).ok_or_else(damaged)?;
        }
        let end = object + pickle_length(&bytes[object..]).ok_or_else(damaged)?;
        copy.write_all(&bytes[..object])?;
        copy.write_all(&keyed(&bytes[object..end]).ok_or_else(damaged)?)?;
        copy.write_all(&bytes[end..])?;
    }
    copy.flush()?;
    Ok(copy)
}

fn damaged() -> CheckpointError {
    PytorchError::InvalidFormat("the file is damaged, or of an unknown layout".into()).into()
}

/// The pickle of `{"root": object}` from that of an object. A pickle is a program for a stack
/// machine: push an empty dictionary and the key, do as before, set the item.
fn keyed(pickle: &[u8]) -> Option<Vec<u8>> {
    const PROTO: u8 = 0x80;
    let (&stop, object) = pickle.split_last()?;
    let &[PROTO, protocol, ref object @ ..] = object else { return None };
    if stop != b'.' {
        return None;
    }
    let mut keyed = vec![PROTO, protocol, b'}', b'X'];
    keyed.extend((ROOT.len() as u32).to_le_bytes());
    keyed.extend(ROOT.as_bytes());
    keyed.extend(object);
    keyed.extend(b"s.");
    Some(keyed)
}

/// The length of the pickle that `bytes` begin with, from the lengths of its instructions'
/// arguments (Python's `pickletools`, protocols 0 to 5).
fn pickle_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let opcode = *bytes.get(at)?;
        at += 1;
        let rest = bytes.get(at..)?;
        let counted = |width: usize| {
            let mut count = [0; 8];
            count[..width].copy_from_slice(rest.get(..width)?);
            usize::try_from(u64::from_le_bytes(count)).ok()?.checked_add(width)
        };
        let line = |from: usize| {
            let end = rest.get(from..)?.iter().position(|&byte| byte == b'\n')?;
            Some(from + end + 1)
        };
        let argument = match opcode {
            b'.' => return Some(at),
            b'K' | b'h' | b'q' | 0x80 | 0x82 => Some(1),
            b'M' | 0x83 => Some(2),
            b'J' | b'j' | b'r' | 0x84 => Some(4),
            b'G' | 0x95 => Some(8),
            b'F' | b'I' | b'L' | b'S' | b'V' | b'P' | b'g' | b'p' => line(0),
            b'c' | b'i' => line(line(0)?),
            b'U' | b'C' | 0x8a | 0x8c => counted(1),
            b'T' | b'X' | b'B' | 0x8b => counted(4),
            0x8d | 0x8e | 0x96 => counted(8),
            _ => Some(0),
        };
        at = at.checked_add(argument?)?;
    }
}
