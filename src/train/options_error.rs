//! Why the options of a run are refused.

use thiserror::Error;

use super::method::Method;
use crate::net::DescriptionError;
use crate::noise::NoiseScheduleError;
use crate::recipe::RecipeError;
use crate::sample::guidance_scale::GuidanceScaleError;

/// Why options are refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum OptionsError {
    /// A number of the recipe is impossible.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The network is impossible.
    #[error(transparent)]
    Architecture(#[from] DescriptionError),
    /// The noise schedule is invalid.
    #[error(transparent)]
    NoiseSchedule(#[from] NoiseScheduleError),
    /// The scale of guidance is invalid.
    #[error(transparent)]
    GuidanceScale(#[from] GuidanceScaleError),
    /// These methods cannot be used together.
    #[error("{0} and {1} exclude each other")]
    Exclusive(Method, Method),
    /// The images are not those that the network is for, or too few to learn from.
    #[error("{0}")]
    Images(String),
    /// Another option is impossible, or does not go with the others.
    #[error("{0}")]
    Impossible(String),
}
