//! Why the options of a run are refused.

use thiserror::Error;

/// Why options are refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{0}")]
pub struct OptionsError(pub(super) String);
