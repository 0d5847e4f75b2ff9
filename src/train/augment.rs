//! Random changes to a picture before noise is added, different each time it is seen.

use serde::{Deserialize, Serialize};

use crate::data::Pictures;
use crate::pixel::{dequantised, value};
use crate::random::Key;

/// The changes made to training pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Mirror every picture, left for right, with probability ½.
    pub flip: bool,
    /// Spread each byte over its grey level, `(b + u)/256` with `u` uniform in (0, 1), so that the
    /// learned density has no spikes at the 256 values (Theis et al. 2016, section 3.1).
    pub dequantize: bool,
}

/// The index of the random number that decides on mirroring; those after it place the pixels within
/// their levels. Noise takes one index per pixel, from 0; no picture has 2³¹ pixels.
const FIRST: u32 = 1 << 31;

impl Augmentation {
    /// The changed pixels of picture `index`, in \[0, 1\]. `key` is that of the picture's noise, so
    /// the changes depend only on seed, step and place in the batch.
    pub(super) fn pixels(self, pictures: &Pictures, index: usize, key: Key) -> Vec<f32> {
        let value = |(at, &byte)| self.value(byte, || key.uniform(FIRST + 1 + at));
        let mut pixels: Vec<f32> = (0..).zip(pictures.picture(index)).map(value).collect();
        if self.flip && key.uniform(FIRST) < 0.5 {
            mirror(&mut pixels, pictures);
        }
        pixels
    }

    /// Every picture that a run can see, one after another; where bytes are spread, as the middles
    /// of their grey levels.
    pub(super) fn every(self, pictures: &Pictures) -> Vec<f32> {
        let value = |&byte: &u8| self.value(byte, || 0.5);
        let mut values = Vec::with_capacity(self.every_len(pictures));
        values.extend(pictures.bytes.iter().map(value));
        if self.flip {
            values.extend_from_within(..);
            mirror(&mut values[pictures.bytes.len()..], pictures);
        }
        values
    }

    /// The number of values in all pictures that a run can see.
    pub fn every_len(self, pictures: &Pictures) -> usize {
        pictures.bytes.len() * if self.flip { 2 } else { 1 }
    }

    /// A byte as a value in \[0, 1\]; if it is spread, `place` is its position within its grey
    /// level, from 0 to 1.
    fn value(self, byte: u8, place: impl FnOnce() -> f32) -> f32 {
        match self.dequantize {
            true => dequantised(byte, place()),
            false => value(byte),
        }
    }
}

/// Mirrors the pixels of pictures of this shape, left for right.
fn mirror(pixels: &mut [f32], pictures: &Pictures) {
    pixels.chunks_exact_mut(pictures.shape.width).for_each(<[f32]>::reverse);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Picture;

    #[test]
    fn changes_are_of_the_step_and_leave_the_picture_what_it_is() {
        let shape = Picture { channels: 3, height: 2, width: 2 };
        let pictures = Pictures::new(shape, (0..12).map(|i| 20 * i).collect());
        let key = |step| Key { seed: 3, stream: 1, step };
        let plain = Augmentation::default().pixels(&pictures, 0, key(0));
        assert_eq!(plain, pictures.bytes.iter().map(|&b| f32::from(b) / 255.0).collect::<Vec<_>>());

        let flip = Augmentation { flip: true, dequantize: false };
        let mirrored: Vec<f32> = plain.chunks_exact(2).flat_map(|row| [row[1], row[0]]).collect();
        let seen: Vec<_> = (0..400).map(|step| flip.pixels(&pictures, 0, key(step))).collect();
        let flipped = seen.iter().filter(|&pixels| *pixels == mirrored).count();
        assert_eq!(seen.iter().filter(|&pixels| *pixels == plain).count(), 400 - flipped);
        // Five standard deviations of a binomial.
        assert!((150..=250).contains(&flipped), "{flipped} of 400 are mirrored");

        let both = Augmentation { flip: true, dequantize: true };
        for step in 0..50 {
            let spread = both.pixels(&pictures, 0, key(step));
            assert_eq!(spread, both.pixels(&pictures, 0, key(step)));
            let levels: Vec<u8> = spread.iter().map(|v| (v * 256.0) as u8).collect();
            let exact = flip.pixels(&pictures, 0, key(step));
            assert_eq!(levels, exact.iter().map(|v| (v * 255.0).round() as u8).collect::<Vec<_>>());
        }
    }
}
