//! A tensor of a network, as its description lists it.

/// The name of a tensor as the Burn module has it, and its shape.
pub type TensorShape = (String, Vec<usize>);
