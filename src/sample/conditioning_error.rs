//! Why a conditioning is refused.

use thiserror::Error;

use super::guidance_scale::GuidanceScaleError;
use crate::net::ImageShape;

/// Why a conditioning is refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ConditioningError {
    /// Something has another size than the model's images.
    #[error("{what} has {found} values, but the model's images have {expected}")]
    Size {
        /// What has the wrong size.
        what: &'static str,
        /// Its number of values.
        found: usize,
        /// The number it should have.
        expected: usize,
    },
    /// An observation has as many values as the model's images, but another shape.
    #[error("the observation has the shape {found}, but the model's images have {expected}")]
    Shape {
        /// Its shape.
        found: ImageShape,
        /// The shape it should have.
        expected: ImageShape,
    },
    /// A value is NaN or infinite.
    #[error("{0} holds values that are not finite")]
    NotFinite(&'static str),
    /// A path to an image has no origin.
    #[error("a path to an image begins at an image: `origin` is missing")]
    NoOrigin,
    /// A model has no classes.
    #[error("this model is not class-conditional: it cannot be asked for a class")]
    Unconditional,
    /// The list of classes is empty.
    #[error("there must be at least one class to show")]
    NoClasses,
    /// There is no such class.
    #[error("there is no class number {class}; the model's {classes} are counted from 0")]
    Class {
        /// The number asked for.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// The guidance is impossible.
    #[error(transparent)]
    GuidanceScale(#[from] GuidanceScaleError),
    /// A path has no points.
    #[error("a path must have at least one frame")]
    NoFrames,
}
