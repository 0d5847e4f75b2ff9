//! Why bytes are not a safetensors file.

use thiserror::Error;

use super::json::JsonError;

/// Why bytes are not a safetensors file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ContainerError {
    /// There is not even the length of a header.
    #[error("it ends before its header; was the download cut off?")]
    NoHeader,
    /// The header would reach beyond the end.
    #[error("it ends within its header; was the download cut off?")]
    HeaderLength,
    /// The header is longer than any model's.
    #[error("its header is too long")]
    TooLong,
    /// What should be the length of the header is another format's beginning.
    #[error("it begins like a file of another kind")]
    Foreign,
    /// The header is not text.
    #[error("its header is not UTF-8")]
    HeaderText,
    /// The header does not have the expected form.
    #[error("its header cannot be read: {0}")]
    Header(JsonError),
    /// A tensor does not lie where the one before it ends.
    #[error("the offsets of the tensor `{0}` are impossible")]
    Offsets(String),
    /// A tensor's bytes do not match its type and shape.
    #[error("the tensor `{0}` has the wrong number of bytes for its shape")]
    Size(String),
    /// There are fewer bytes than the tensors need.
    #[error("it has {found} of {expected} bytes of tensors; was the download cut off?")]
    Short {
        /// How many there are.
        found: usize,
        /// Where the last tensor ends.
        expected: usize,
    },
    /// Something follows the last tensor.
    #[error("its tensors have {expected} bytes, and {} more follow", .found - .expected)]
    Long {
        /// How many there are.
        found: usize,
        /// Where the last tensor ends.
        expected: usize,
    },
}
