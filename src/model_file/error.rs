//! Why a model file is refused.

use half::f16;
use thiserror::Error;

use super::container_error::ContainerError;
use super::json::JsonError;
use super::size::MAX_BYTES;
use crate::net::DescriptionError;
use crate::sample::SettingsError;

/// Why a file is refused.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The file is larger than any that this is for.
    #[error("the file has {0} bytes; at most {max} are read", max = MAX_BYTES)]
    TooLarge(usize),
    /// It is not a safetensors file, or a damaged one.
    #[error("not a readable .safetensors file: {0}")]
    Container(ContainerError),
    /// It is a safetensors file, but without a card.
    #[error(
        "the file has no `{0}` in its metadata: it is not a .safetensors that this project's `train` \
         writes (a .checkpoint holds the run, not the model)"
    )]
    NoCard(&'static str),
    /// The card cannot be read.
    #[error("the {what}'s card cannot be read: {error}")]
    Card {
        /// What the file holds: a model or a classifier.
        what: &'static str,
        /// What is wrong with the card.
        error: JsonError,
    },
    /// The card has another version.
    #[error("the {what} has format {found}, this program reads format {expected}")]
    Format {
        /// What the file holds: a model or a classifier.
        what: &'static str,
        /// The version of its card.
        found: u32,
        /// The version that is read.
        expected: u32,
    },
    /// The card describes an invalid network.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// A classifier's card does not describe what it was trained for.
    #[error("the classifier's card is impossible: {0}")]
    Classifier(&'static str),
    /// The card recommends an invalid sampler.
    #[error("the model's recommended sampler is impossible: {0}")]
    Sampler(SettingsError),
    /// The card's mean of the training images is not that of images.
    #[error("the model's card says that the mean of its images is {0}; it must be from 0 to 1")]
    Mean(f32),
    /// The card does not list the classes that the network has.
    #[error("the model's card lists {named} classes, but its network has {embedded}")]
    Classes {
        /// How many the card lists.
        named: usize,
        /// How many the network has.
        embedded: usize,
    },
    /// A tensor that the network needs is missing.
    #[error("the tensor `{0}` is missing")]
    Missing(String),
    /// The network does not have this tensor.
    #[error("the network has no tensor `{0}`")]
    Unexpected(String),
    /// There are two tensors of this name.
    #[error("there are two tensors `{0}`")]
    Duplicate(String),
    /// A tensor has another shape than the network needs.
    #[error("the tensor `{name}` has the shape {found:?}, but the network needs {expected:?}")]
    Shape {
        /// The tensor's name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// A tensor is neither f16 nor f32.
    #[error("the tensor `{name}` is of type {found}; only F16 and F32 are read")]
    Type {
        /// The tensor's name.
        name: String,
        /// Its type in the file.
        found: String,
    },
    /// A tensor holds NaN or infinity.
    #[error("the tensor `{0}` holds values that are not finite: the training diverged")]
    NotFinite(String),
    /// A value is too large to be written in f16.
    #[error("the tensor `{name}` holds {value:?}, but f16 ends at {max}", max = f16::MAX)]
    BeyondF16 {
        /// The tensor's name.
        name: String,
        /// The value.
        value: f32,
    },
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    Write(String),
}

// Each message has that of its cause, for the page, which shows no others. So the causes are no
// `source`: the programs would say them twice.

impl From<ContainerError> for ModelError {
    fn from(error: ContainerError) -> Self {
        Self::Container(error)
    }
}

impl From<SettingsError> for ModelError {
    fn from(error: SettingsError) -> Self {
        Self::Sampler(error)
    }
}
