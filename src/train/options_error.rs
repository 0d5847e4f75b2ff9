//! Why the options of a run are refused.

use thiserror::Error;

use crate::recipe::RecipeError;

/// Why options are refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{0}")]
pub struct OptionsError(pub(super) String);

impl From<RecipeError> for OptionsError {
    fn from(error: RecipeError) -> Self {
        Self(error.to_string())
    }
}
