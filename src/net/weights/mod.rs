//! The values of a network's tensors, by name.

use std::collections::BTreeMap;

#[cfg(feature = "training")]
mod class_rows;
#[cfg(feature = "training")]
mod flat;
#[cfg(feature = "training")]
mod initial;
#[cfg(feature = "training")]
mod misfit;
#[cfg(feature = "burn")]
mod module;

#[cfg(feature = "training")]
pub use class_rows::carry_over;
#[cfg(feature = "training")]
pub use flat::{flat, unflat};
#[cfg(feature = "training")]
pub use initial::initial;
#[cfg(feature = "training")]
pub use misfit::misfit;
#[cfg(feature = "burn")]
pub use module::{apply, collect, names};

/// Values in row-major order, and their shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// As many values as the product of the shape.
    pub values: Vec<f32>,
}

/// Every tensor of a network under its name, such as `down.0.blocks.0.conv1.weight`.
pub type Weights = BTreeMap<String, Array>;
