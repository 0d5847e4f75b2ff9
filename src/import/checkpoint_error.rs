//! Why a checkpoint cannot be read.

use pytorch_reader::{DType, PytorchError};
use thiserror::Error;

use super::networks::FIRST;
use crate::model_file::ModelFile;
use crate::words::{self, one_line};

/// The most parameters that a model file can hold.
pub(super) const MOST: usize = ModelFile::MAX_BYTES / 2;

/// The most networks in a checkpoint: each is compared with all others.
pub(super) const MOST_NETWORKS: usize = 256;

/// Why a checkpoint cannot be read.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file is in another format, which other commands may read.
    #[error(
        "it is a safetensors file, but `import` reads PyTorch checkpoints (.pth or .pt); what `train` or \
         `import` wrote is a model already, to be named by --model"
    )]
    Safetensors,
    /// The file is not in PyTorch's format, or damaged.
    #[error("not a readable PyTorch checkpoint: {0}")]
    Format(String),
    /// The saved object is compressed, so that it could be any times as large as the file.
    #[error(
        "its `data.pkl` is compressed, which `torch.save` never does: load it with PyTorch and save \
         it again"
    )]
    Compressed,
    /// To read it could fill the memory.
    #[error(
        "to read what is saved beside the weights could take more memory than a file of this size \
         should: save the weights alone, with torch.save(network.state_dict(), …)"
    )]
    Memory,
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The copy that the reader needs of some files cannot be written.
    #[error("cannot make a temporary copy in {folder}: {0}", folder = std::env::temp_dir().display())]
    Copy(std::io::Error),
    /// There is no network in it.
    #[error(
        "there is no network of ermongroup's NCSN or NCSNv2 in the checkpoint: no tensor is called \
         `{FIRST}`"
    )]
    NoNetwork,
    /// There are more networks in it than training keeps.
    #[error(
        "the checkpoint has {0} networks, more than the {MOST_NETWORKS} that are told apart: save one \
         alone, with torch.save(network.state_dict(), …)"
    )]
    Networks(usize),
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
    #[error("the weights at {} are a moving average: leave out --no-ema", list(.0))]
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
    /// Tensors have more elements than the file has bytes for: they are views that repeat some.
    #[error(
        "the tensors at `{0}` take more bytes than the file has, as they repeat elements: save \
         `.contiguous()` ones"
    )]
    Views(String),
    /// There are more parameters than any network for small images has.
    #[error("the network has more than {MOST} parameters")]
    TooLarge,
}

impl From<PytorchError> for CheckpointError {
    fn from(error: PytorchError) -> Self {
        Self::Format(match error {
            // It begins with what `Format` says.
            PytorchError::InvalidFormat(reason) => {
                one_line(reason.strip_prefix("not a PyTorch checkpoint: ").unwrap_or(&reason))
            }
            other => one_line(other),
        })
    }
}

impl From<zip::result::ZipError> for CheckpointError {
    fn from(error: zip::result::ZipError) -> Self {
        Self::Format(one_line(words::zip_error(error)))
    }
}

/// Keys as they are written in a sentence.
fn list(keys: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    words::list(&keys, "and")
}
