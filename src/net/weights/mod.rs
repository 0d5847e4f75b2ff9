//! The values of a network's tensors, by name.

mod array;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
mod checksum;
#[cfg(feature = "training")]
mod class_rows;
#[cfg(feature = "training")]
mod flat;
#[cfg(feature = "training")]
mod initial;
mod mismatch;
#[cfg(feature = "burn")]
mod module;

pub use array::{Array, Weights};
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub use checksum::checksum;
#[cfg(feature = "training")]
pub use class_rows::{carry_over, row_of_no_class};
#[cfg(feature = "training")]
pub use flat::{flat, unflat};
#[cfg(feature = "training")]
pub use initial::initial;
#[cfg(feature = "fused")]
pub(crate) use mismatch::tensor;
pub use mismatch::{WeightsMismatch, check_weights};
#[cfg(feature = "burn")]
pub(crate) use module::apply;
#[cfg(feature = "burn")]
pub use module::{collect, names};
