//! What a classifier is, as plain data.

use serde::{Deserialize, Serialize};

use crate::net::ranges::within;
use crate::net::{DescriptionError, ImageShape, Preconditioning};

/// The sizes of a classifier; see [`super::network`] for how they are wired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierDescription {
    /// The shape of the input images.
    #[serde(rename = "picture")]
    pub image_shape: ImageShape,
    /// The number of classes, from 2 to 256.
    pub classes: usize,
    /// Each `patch × patch` square of pixels becomes the channels of one position.
    pub patch: usize,
    /// The number of output channels of each convolution.
    pub widths: Vec<usize>,
    /// Whether each convolution is followed by pooling 2 × 2 positions into one.
    pub pools: Vec<bool>,
    /// The number of features that the classes are predicted from.
    pub features: usize,
    /// The number of groups of each group normalization.
    pub groups: usize,
    /// The size of σ's embedding.
    pub embedding: usize,
    /// The scale of the data.
    pub preconditioning: Preconditioning,
}

impl ClassifierDescription {
    /// A classifier for images of this shape and scale.
    pub fn new(image_shape: ImageShape, classes: usize, preconditioning: Preconditioning) -> Self {
        let even = image_shape.height.is_multiple_of(2) && image_shape.width.is_multiple_of(2);
        Self {
            image_shape,
            classes,
            patch: if even { 2 } else { 1 },
            widths: vec![32, 48, 64, 64],
            pools: vec![false, true, true, false],
            features: 64,
            groups: 8,
            embedding: 64,
            preconditioning,
        }
    }

    /// The height and width of the last convolution's output.
    pub(super) fn last_sides(&self) -> [usize; 2] {
        let pools = self.pools.iter().filter(|&&pool| pool).count() as u32;
        [self.image_shape.height, self.image_shape.width].map(|side| (side / self.patch) >> pools)
    }

    /// The number of weights of all layers, without biases.
    pub(super) fn weights(&self) -> u64 {
        let first = self.image_shape.channels * self.patch * self.patch;
        let inputs = std::iter::once(&first).chain(&self.widths);
        let convolutions = inputs.zip(&self.widths).map(|(&from, &to)| 9 * from as u64 * to as u64);
        let [height, width] = self.last_sides();
        let last = self.widths.last().map_or(first, |&width| width);
        let embedding = self.embedding as u64;
        let modulations = self.widths.iter().map(|&width| 2 * width as u64 * embedding);
        convolutions.sum::<u64>()
            + (last * height * width) as u64 * self.features as u64
            + 2 * embedding * embedding
            + modulations.sum::<u64>()
            + (self.features * self.classes) as u64
    }

    /// Checks that the sizes are sane and fit together.
    ///
    /// # Errors
    /// [`DescriptionError`] names the size that does not fit.
    pub fn check(&self) -> Result<(), DescriptionError> {
        const LIMIT: usize = 4096;
        let fail = |message: String| Err(DescriptionError::new(message));
        let ImageShape { channels, height, width } = self.image_shape;
        let sizes = [
            ("channels", channels, 1, 16),
            ("height", height, 1, LIMIT),
            ("width", width, 1, LIMIT),
            ("patch", self.patch, 1, 16),
            ("features", self.features, 1, LIMIT),
            ("groups", self.groups, 1, LIMIT),
            ("embedding", self.embedding, 2, LIMIT),
            ("the number of convolutions", self.widths.len(), 1, 16),
            ("the number of classes", self.classes, 2, 256),
        ];
        within(&sizes)?;
        if !self.embedding.is_multiple_of(2) {
            return fail(format!("the embedding must be even, but is {}", self.embedding));
        }
        if self.pools.len() != self.widths.len() {
            let (pools, widths) = (self.pools.len(), self.widths.len());
            return fail(format!("{pools} pools for {widths} convolutions"));
        }
        self.image_shape.check_multiples_of(self.patch)?;
        if self.last_sides().contains(&0) {
            return fail(format!("nothing is left of {height} × {width} pixels after its pools"));
        }
        let groups = self.groups;
        for &width in &self.widths {
            within(&[("a width", width, 1, LIMIT)])?;
            if !width.is_multiple_of(groups) {
                return fail(format!("a width of {width} is not a multiple of {groups} groups"));
            }
        }
        self.preconditioning.check()
    }
}
