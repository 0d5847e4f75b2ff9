//! Whether finished images can be what a network makes.

use std::ops::Range;

use crate::sample::{Conditioning, Start};

/// How many values of each chain's start are remembered. That none of so many has changed is no
/// accident.
const WITNESSES: usize = 64;
/// How far a value may be from its start and still count as the same, in units of the noise there:
/// shaders round the logarithm and the cosine of normal numbers in another way.
const SAME: f32 = 1e-4;

/// What tells images of a network from those that were not computed.
pub(super) struct Expected {
    /// The number of values of an image.
    dimension: usize,
    /// Whether an image that is the same all over can be right.
    may_be_even: bool,
    /// The first values of each chain at its start.
    starts: Vec<f32>,
    /// The size of the noise there.
    noise: f32,
}

impl Expected {
    /// What is expected of chains with these numbers and images of `dimension` values.
    pub(super) fn new(
        dimension: usize,
        start: Start,
        conditioning: &Conditioning,
        seed: u64,
        chains: Range<usize>,
    ) -> Self {
        let witnesses = dimension.min(WITNESSES);
        let mut starts = vec![0.0; chains.len() * witnesses];
        for (chain, values) in chains.zip(starts.chunks_exact_mut(witnesses)) {
            conditioning.fill_start(start, seed, chain as u32, values);
        }
        let noise = match start {
            Start::Uniform { low, high } => high - low,
            Start::Normal { sigma, .. } => sigma,
        };
        Self { dimension, may_be_even: may_be_even(conditioning), starts, noise }
    }

    /// What is wrong with the values of images after at least one step, if anything: `"infinite"`
    /// if one is not finite, as after steps that are too large; `"even"` if all values of an image
    /// are the same, as after work that a GPU has lost; `"unchanged"` if an image is still the
    /// noise that it began as, as after work that a GPU has not done.
    pub(super) fn fault(&self, values: &[f32]) -> Option<&'static str> {
        if !values.iter().all(|value| value.is_finite()) {
            return Some("infinite");
        }
        let may_be_even = self.may_be_even || self.dimension == 1;
        let is_even = |image: &[f32]| image.iter().all(|value| *value == image[0]);
        let images = || values.chunks_exact(self.dimension);
        if !may_be_even && images().any(is_even) {
            return Some("even");
        }
        let same = |(value, start): (&f32, &f32)| (value - start).abs() <= SAME * self.noise;
        let starts = self.starts.chunks_exact(self.dimension.min(WITNESSES));
        let is_unchanged = |(image, start): (&[f32], &[f32])| image.iter().zip(start).all(same);
        images().zip(starts).any(is_unchanged).then_some("unchanged")
    }
}

/// Whether images may end the same all over: where they begin at a drawing that is, or keep one.
fn may_be_even(conditioning: &Conditioning) -> bool {
    let kept = conditioning.observation.as_ref().map(|observation| observation.target());
    conditioning.origin.as_deref().or(kept).is_some_and(|values| {
        values.first().is_some_and(|first| values.iter().all(|value| value == first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Start = Start::Normal { mean: 0.5, sigma: 12.0 };

    /// Two chains of images of this many values.
    fn expected(dimension: usize, conditioning: &Conditioning) -> Expected {
        Expected::new(dimension, START, conditioning, 7, 3..5)
    }

    fn from(origin: &[f32]) -> Conditioning {
        Conditioning { origin: Some(origin.to_vec()), ..Conditioning::default() }
    }

    #[test]
    fn only_what_a_network_can_make_is_right() {
        let expected = expected(2, &Conditioning::default());
        assert_eq!(expected.fault(&[0.1, -0.3, 0.2, 1.4]), None);
        for lost in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(expected.fault(&[0.1, -0.3, lost, 1.4]), Some("infinite"), "{lost}");
        }
        assert_eq!(expected.fault(&[0.0; 4]), Some("even"), "work that was lost");
        assert_eq!(expected.fault(&[0.1, -0.3, 0.5, 0.5]), Some("even"), "one image of two");
    }

    #[test]
    fn a_drawing_in_one_color_may_stay_so() {
        assert_eq!(expected(2, &from(&[1.0, 1.0])).fault(&[0.5; 4]), None);
        assert_eq!(expected(2, &from(&[1.0, 0.0])).fault(&[0.5; 4]), Some("even"));
        assert_eq!(expected(1, &Conditioning::default()).fault(&[0.5; 2]), None, "one pixel");
    }

    /// The noise that chains begin as is known without the device.
    #[test]
    fn noise_that_nothing_has_changed_is_no_image() {
        let dimension = 100;
        let conditioning = Conditioning::default();
        let expected = expected(dimension, &conditioning);
        let mut values = vec![0.0; 2 * dimension];
        for (chain, image) in (3..).zip(values.chunks_exact_mut(dimension)) {
            conditioning.fill_start(START, 7, chain, image);
        }
        assert_eq!(expected.fault(&values), Some("unchanged"));
        // Another device rounds in another way.
        values.iter_mut().for_each(|value| *value += 1e-5);
        assert_eq!(expected.fault(&values), Some("unchanged"));
        // A step of one chain.
        values[..dimension].iter_mut().for_each(|value| *value *= 0.9);
        assert_eq!(expected.fault(&values), Some("unchanged"), "one image of two");
        values[dimension..].iter_mut().for_each(|value| *value *= 0.9);
        assert_eq!(expected.fault(&values), None);
    }
}
