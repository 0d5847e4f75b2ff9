//! The images that a training run learns from.

use crate::backend::fused::codegen::StableTargets;
use crate::backend::fused::error::FusedError;
use crate::net::UNetDescription;

/// The most bytes of images: kernels number them in u32. On Metal a buffer may be larger.
const MOST_BYTES: u64 = 1 << 32;

/// The images of a run.
#[derive(Clone, Copy, Debug)]
pub struct DataSet<'a> {
    /// The bytes of all images, one after another: C × H × W each.
    pub bytes: &'a [u8],
    /// The class of each image; empty unless the network is told classes.
    pub labels: &'a [u32],
    /// The number of images.
    pub images: usize,
    /// The σ from which targets are stable, if they are.
    pub stable_from: Option<f32>,
    /// Whether images are mirrored at random.
    pub mirrored: bool,
}

impl DataSet<'_> {
    /// What the kernels need to know for stable targets, if there are any, of a network with so many
    /// classes.
    pub(super) fn stable_targets(&self, classes: usize) -> Option<StableTargets> {
        let (originals, mirrored) = (self.images, self.mirrored);
        self.stable_from.map(|from| StableTargets { from, originals, mirrored, classes })
    }

    /// Checks that the kernels of a network find what they read.
    ///
    /// # Errors
    /// [`FusedError::Limit`] or [`FusedError::Count`] if they do not.
    pub(super) fn check(&self, sizes: &UNetDescription) -> Result<(), FusedError> {
        let &Self { bytes, labels, images, stable_from, .. } = self;
        let count = bytes.len() as u64;
        FusedError::check_limit("the data set", "address space in shaders", count, MOST_BYTES)?;
        if count != images as u64 * sizes.image_shape.dimension() as u64 {
            return Err(FusedError::Count { what: "bytes", found: bytes.len(), images });
        }
        if stable_from.is_some() && sizes.classes > 0 && labels.len() != images {
            return Err(FusedError::Count { what: "labels", found: labels.len(), images });
        }
        Ok(())
    }
}
