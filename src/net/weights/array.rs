//! The values of one tensor, and of all tensors of a network by their names.

use std::collections::BTreeMap;

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

/// The tensor with a row for each class, and a last one for no class.
pub(super) const ROWS: &str = "embedding.classes";
