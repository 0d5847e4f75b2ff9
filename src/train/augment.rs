//! Random changes to an image before noise is added, different each time it is seen.

use serde::{Deserialize, Serialize};

use crate::data::Images;
use crate::pixel::{dequantized, value};
use crate::random::Key;
use crate::random::streams::{DEQUANTIZE_INDEX, FLIP_INDEX};

/// The changes made to training images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Mirror every image, left for right, with probability ½.
    pub flip: bool,
    /// Spread each byte over its gray level, `(b + u)/256` with `u` uniform in (0, 1), so that the
    /// learned density has no spikes at the 256 values (Theis et al. 2016, section 3.1).
    pub dequantize: bool,
}

impl Augmentation {
    /// The changed pixels of image `index`, in \[0, 1\]. `key` is that of the image's noise, so
    /// the changes depend only on seed, step and place in the batch.
    pub(super) fn pixels(self, images: &Images, index: usize, key: Key) -> Vec<f32> {
        let value = |(at, &byte)| self.value(byte, || key.uniform(DEQUANTIZE_INDEX + at));
        let mut pixels: Vec<f32> = (0..).zip(images.image(index)).map(value).collect();
        if self.flip && key.uniform(FLIP_INDEX) < 0.5 {
            mirror(&mut pixels, images);
        }
        pixels
    }

    /// Every image that a run can train on, one after another; where bytes are spread, as the middles
    /// of their gray levels.
    pub(super) fn every(self, images: &Images) -> Vec<f32> {
        let value = |&byte: &u8| self.value(byte, || 0.5);
        let mut values = Vec::with_capacity(self.every_len(images));
        values.extend(images.bytes.iter().map(value));
        if self.flip {
            values.extend_from_within(..);
            mirror(&mut values[images.bytes.len()..], images);
        }
        values
    }

    /// The number of values in all images that a run can train on.
    pub fn every_len(self, images: &Images) -> usize {
        images.bytes.len() * if self.flip { 2 } else { 1 }
    }

    /// A byte as a value in \[0, 1\]; if it is spread, `place` is its position within its gray
    /// level, from 0 to 1.
    fn value(self, byte: u8, place: impl FnOnce() -> f32) -> f32 {
        match self.dequantize {
            true => dequantized(byte, place()),
            false => value(byte),
        }
    }
}

/// Mirrors the pixels of images of this shape, left for right.
fn mirror(pixels: &mut [f32], images: &Images) {
    pixels.chunks_exact_mut(images.shape.width).for_each(<[f32]>::reverse);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ImageShape;

    #[test]
    fn changes_are_of_the_step_and_leave_the_image_what_it_is() {
        let shape = ImageShape { channels: 3, height: 2, width: 2 };
        let images = Images::new(shape, (0..12).map(|i| 20 * i).collect());
        let key = |step| Key { seed: 3, stream: 1, step };
        let plain = Augmentation::default().pixels(&images, 0, key(0));
        assert_eq!(plain, images.bytes.iter().map(|&b| f32::from(b) / 255.0).collect::<Vec<_>>());

        let flip = Augmentation { flip: true, dequantize: false };
        let mirrored: Vec<f32> = plain.chunks_exact(2).flat_map(|row| [row[1], row[0]]).collect();
        let seen: Vec<_> = (0..400).map(|step| flip.pixels(&images, 0, key(step))).collect();
        let flipped = seen.iter().filter(|&pixels| *pixels == mirrored).count();
        assert_eq!(seen.iter().filter(|&pixels| *pixels == plain).count(), 400 - flipped);
        // Five standard deviations of a binomial.
        assert!((150..=250).contains(&flipped), "{flipped} of 400 are mirrored");

        let both = Augmentation { flip: true, dequantize: true };
        for step in 0..50 {
            let spread = both.pixels(&images, 0, key(step));
            assert_eq!(spread, both.pixels(&images, 0, key(step)));
            let levels: Vec<u8> = spread.iter().map(|v| (v * 256.0) as u8).collect();
            let exact = flip.pixels(&images, 0, key(step));
            assert_eq!(levels, exact.iter().map(|v| (v * 255.0).round() as u8).collect::<Vec<_>>());
        }
    }
}
