//! Why a model cannot be written as ONNX.

use thiserror::Error;

use super::options::Options;
use crate::sample::SettingsError;

/// Why a model cannot be written as ONNX.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ExportError {
    /// There is no graph for this kind of network.
    #[error("a network of the kind `{0}` cannot be exported yet, only a U-Net")]
    Architecture(&'static str),
    /// The batch is empty or absurdly large.
    #[error(
        "a batch has from 1 to {max} images, not {0}; say `dynamic` for any number",
        max = Options::MAX_BATCH
    )]
    Batch(usize),
    /// The version has not been checked.
    #[error(
        "opset {0} is not supported; choose one from {first} to {last}",
        first = Options::OPSETS.start(), last = Options::OPSETS.end()
    )]
    Opset(i64),
    /// The model lacks a tensor that its description requires.
    #[error("the tensor `{0}` is missing")]
    Missing(String),
    /// The card cannot be written as JSON.
    #[error("the model's card cannot be written: {0}")]
    Card(String),
    /// There is no step table for the settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}
