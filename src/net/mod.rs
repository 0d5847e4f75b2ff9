//! Networks: each is described once, as plain data, and every backend builds its own from that.
//!
//! [`description`] says what a network is (its kind, its sizes, and the name and shape of each
//! tensor), [`precondition`] how σ enters the U-Net and scales its output, and [`weights`] what its
//! tensors hold; none of them depends on Burn. [`Network`] is the Burn module, made of the layers of
//! [`burn_layers`].

#[cfg(feature = "burn")]
pub mod burn_layers;
mod class_input;
pub mod description;
mod description_error;
mod image_shape;
mod network_error;
pub mod precondition;
pub(crate) mod ranges;
pub mod refinenet;
mod tensor_shape;
pub mod unet;
pub mod weights;

#[cfg(feature = "burn")]
mod network;

pub use class_input::ClassInput;
pub use description::Architecture;
pub use description_error::DescriptionError;
pub use image_shape::ImageShape;
#[cfg(feature = "burn")]
pub use network::Network;
pub use network_error::NetworkError;
pub use precondition::Preconditioning;
#[cfg(feature = "burn")]
pub use refinenet::RefineNet;
pub use refinenet::{Depth, RefineNetDescription, Variant};
#[cfg(feature = "burn")]
pub use unet::UNet;
pub use unet::UNetDescription;

/// Added to the variances of normalizations. Burn's own has the same by default.
#[cfg(any(feature = "burn", feature = "fused", feature = "onnx"))]
pub(crate) const NORM_EPSILON: f32 = 1e-5;
