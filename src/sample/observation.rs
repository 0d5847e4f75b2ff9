//! Linear observations of an image, `y = A x`, and how chains are made to agree with one.
//!
//! An observation is some of the pixels (inpainting), the mean of the channels (colorization) or
//! the means of squares of pixels (super-resolution). In each case `P = A⁺A`, the orthogonal
//! projection onto what is observed, replaces each pixel by the mean of its block, or by 0 if the
//! block is not observed. After each step the observed component of x is replaced by the
//! observation with the noise of the current σ; the rest is left to the chain (Song et al. 2021,
//! appendix I; for masks Song & Ermon 2019, appendix B.3):
//!
//! `x ← (I − P) x + P (y + σ z)`, and `x ← (I − P) x + P y` at the end, which agrees exactly.
//!
//! `z` is the noise that the chain drew last. Its component in P has just been discarded and is
//! independent of the one that was kept, so it is as good as fresh. If a step table draws no noise,
//! z is the start's, and the observed component goes straight from `y + σ₁ z` to y, as the
//! probability flow itself would take it.
//!
//! The method is approximate: the rest of x depends on the observation only through its noise, and is
//! not distributed exactly as it should be given y. It comes close if a sampler stays at each level
//! long enough to adjust, as Langevin steps and correctors do.

use thiserror::Error;

use crate::net::ImageShape;

/// What was observed of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    image_shape: ImageShape,
    block: Block,
    target: Vec<f32>,
    mask: Vec<f32>,
}

/// The size of the blocks whose means are observed; each divides the image's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Channels: 1, or all.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Why an observation is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ObservationError {
    /// Something has the wrong size.
    #[error("{what} has {found} values, but {expected} are needed")]
    Size {
        /// What has the wrong size.
        what: &'static str,
        /// Its number of values.
        found: usize,
        /// The number it should have.
        expected: usize,
    },
    /// Images cannot be divided into these blocks.
    #[error("images of {image_shape} cannot be divided into blocks of that size")]
    Block {
        /// The blocks asked for.
        block: Block,
        /// The shape of an image.
        image_shape: ImageShape,
    },
}

impl Block {
    /// # Errors
    /// [`ObservationError::Block`] if blocks of this size do not divide an image.
    fn check(self, image_shape: ImageShape) -> Result<(), ObservationError> {
        let ImageShape { channels, height, width } = image_shape;
        let sides = [(channels, self.channels), (height, self.height), (width, self.width)];
        match sides.into_iter().all(|(side, block)| block > 0 && side.is_multiple_of(block)) {
            true => Ok(()),
            false => Err(ObservationError::Block { block: self, image_shape }),
        }
    }
}

fn sized(what: &'static str, found: usize, expected: usize) -> Result<(), ObservationError> {
    if found == expected { Ok(()) } else { Err(ObservationError::Size { what, found, expected }) }
}

impl Observation {
    /// Inpainting: `pixels` (C × H × W) where `known` (H × W), and anything that fits elsewhere.
    ///
    /// # Errors
    /// [`ObservationError::Size`] if either has another size.
    pub fn pixels(
        image_shape: ImageShape,
        pixels: &[f32],
        known: &[bool],
    ) -> Result<Self, ObservationError> {
        sized("the image", pixels.len(), image_shape.dimension())?;
        sized("the mask", known.len(), image_shape.height * image_shape.width)?;
        let mask: Vec<f32> = known.iter().map(|&known| f32::from(u8::from(known))).collect();
        let mask = mask.repeat(image_shape.channels);
        let seen = |(pixel, mask): (&f32, &f32)| if *mask > 0.0 { *pixel } else { 0.0 };
        let target = pixels.iter().zip(&mask).map(seen).collect();
        Ok(Self { image_shape, block: Block { channels: 1, height: 1, width: 1 }, target, mask })
    }

    /// An image whose blocks have the same means as those of `pixels` (C × H × W). With blocks of
    /// one pixel in all channels this is colorization, with squares of pixels super-resolution.
    ///
    /// # Errors
    /// [`ObservationError`] if the blocks do not divide the image, or `pixels` has another size.
    pub fn means(
        image_shape: ImageShape,
        pixels: &[f32],
        block: Block,
    ) -> Result<Self, ObservationError> {
        block.check(image_shape)?;
        sized("the image", pixels.len(), image_shape.dimension())?;
        let (target, mask) = (Vec::new(), vec![1.0; image_shape.dimension()]);
        let observation = Self { image_shape, block, target, mask };
        Ok(Self { target: observation.block_means(pixels), ..observation })
    }

    /// Super-resolution: an image whose squares of `factor` × `factor` pixels have the means
    /// `small` (C × H/factor × W/factor).
    ///
    /// # Errors
    /// [`ObservationError`] if the factor does not divide the image, or `small` has another size.
    pub fn downsampled(
        image_shape: ImageShape,
        small: &[f32],
        factor: usize,
    ) -> Result<Self, ObservationError> {
        let ImageShape { channels, height, width } = image_shape;
        let block = Block { channels: 1, height: factor, width: factor };
        block.check(image_shape)?;
        let (rows, columns) = (height / factor, width / factor);
        sized("the small image", small.len(), channels * rows * columns)?;
        let mut target = Vec::with_capacity(image_shape.dimension());
        for row in 0..channels * height {
            // Row `row % height` of channel `row / height`.
            let small_row = row / height * rows + row % height / factor;
            let small_row = &small[small_row * columns..][..columns];
            target.extend(small_row.iter().flat_map(|&v| std::iter::repeat_n(v, factor)));
        }
        Ok(Self { image_shape, block, target, mask: vec![1.0; image_shape.dimension()] })
    }

    /// The shape of the image.
    pub fn image_shape(&self) -> ImageShape {
        self.image_shape
    }

    /// The blocks whose means are observed.
    pub fn block(&self) -> Block {
        self.block
    }

    /// P y, C × H × W: constant on each block, 0 where nothing is observed.
    pub fn target(&self) -> &[f32] {
        &self.target
    }

    /// 1 where something is observed and 0 elsewhere, C × H × W: constant on each block.
    pub fn mask(&self) -> &[f32] {
        &self.mask
    }

    /// `x ← (I − P) x + P (y + σ z)` for one image, C × H × W. Exact for blocks of one pixel.
    pub(crate) fn impose(&self, x: &mut [f32], sigma: f32, z: &[f32]) {
        let (means, noise) = (self.block_means(x), self.block_means(z));
        for (index, x) in x.iter_mut().enumerate() {
            if self.mask[index] > 0.0 {
                *x = (*x - means[index]) + (self.target[index] + sigma * noise[index]);
            }
        }
    }

    /// Each pixel replaced by the mean of its block.
    fn block_means(&self, x: &[f32]) -> Vec<f32> {
        let ImageShape { channels, height, width } = self.image_shape;
        let Block { channels: deep, height: high, width: wide } = self.block;
        let (rows, columns) = (height / high, width / wide);
        let block = |index: usize| {
            let (c, y, x) = (index / (height * width), index / width % height, index % width);
            (c / deep * rows + y / high) * columns + x / wide
        };
        let mut sums = vec![0.0; channels / deep * rows * columns];
        for (index, x) in x.iter().enumerate() {
            sums[block(index)] += x;
        }
        let size = (deep * high * wide) as f32;
        (0..x.len()).map(|index| sums[block(index)] / size).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_means_of_an_image() {
        let image_shape = ImageShape { channels: 2, height: 2, width: 4 };
        let pixels: Vec<f32> = (0..16).map(|value| value as f32).collect();
        let means = |channels, height, width| {
            Observation::means(image_shape, &pixels, Block { channels, height, width })
        };
        let squares = means(1, 2, 2).expect("they divide it");
        assert_eq!(squares.target()[..4], [2.5, 2.5, 4.5, 4.5]);
        assert_eq!(squares.target()[8..12], [10.5, 10.5, 12.5, 12.5]);
        let small = [2.5, 4.5, 10.5, 12.5];
        assert_eq!(Observation::downsampled(image_shape, &small, 2), Ok(squares));
        let gray = means(2, 1, 1).expect("they divide it");
        assert_eq!(gray.target(), (4..12).map(|x| x as f32).collect::<Vec<_>>().repeat(2));
        assert!(matches!(means(1, 1, 3), Err(ObservationError::Block { .. })));
        assert!(matches!(means(0, 1, 1), Err(ObservationError::Block { .. })));
    }
}
