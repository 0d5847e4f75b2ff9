//! The network of unit tests of training.

use crate::net::{ImageShape, Preconditioning, UNetDescription};

/// One resolution of eight channels with attention: as small a network as has every kind of layer that
/// knows σ.
pub(crate) fn tiny(image_shape: ImageShape) -> UNetDescription {
    UNetDescription {
        widths: vec![8],
        attention: vec![true],
        heads: 1,
        groups: 2,
        embedding: 8,
        patch: 1,
        ..UNetDescription::new(image_shape, Preconditioning { mean: 0.5, sigma_data: 0.3 })
    }
}
