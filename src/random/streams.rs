//! The keys of the random numbers that belong to the seed of a model's images or of its training, so that
//! no two uses share one.
//!
//! Chains, with the seed of the images:
//!
//! | stream | step | index | number | used by |
//! |---|---|---|---|---|
//! | chain | [`START_STEP`] | pixel | where the chain begins | [`crate::sample::Conditioning`], all backends |
//! | chain | [`CLASS_STEP`] | 0 | the class that it shows, if classes are drawn | [`crate::sample::ClassConditioning::drawn`] |
//! | chain | step of its step table | pixel | the noise of the step | all backends |
//!
//! Training of a score network, with the seed of the run:
//!
//! | stream | step | index | number | used by |
//! |---|---|---|---|---|
//! | example of the batch | step | pixel | its noise z | `train/batch.rs`, `training/batch.wgsl` |
//! | example | step | [`FLIP_INDEX`] | whether the image is mirrored | `train/augment.rs`, `training/batch.wgsl` |
//! | example | step | [`DEQUANTIZE_INDEX`] + pixel | the pixel's place within its gray level | `train/augment.rs`, `training/batch.wgsl` |
//! | [`GENERATED_STREAM`] + example | step | pixel | noise z of the image generated from it | `train/distribution_matching_loss.rs` |
//! | [`GENERATED_LEVELS_STREAM`] | step | example | σ of the generated image | `train/distribution_matching_loss.rs` |
//! | [`LEVELS_STREAM`] | step | example | σ | [`crate::recipe::Recipe::sigma`] |
//! | [`LEVELS_STREAM`] | step | [`GUIDANCE_INDEX`] + example | the scale of guidance to learn | [`crate::recipe::Recipe::guidance`] |
//! | [`LEVELS_STREAM`] | step | [`DROPOUT_INDEX`] + example | whether the class is dropped | [`crate::recipe::Recipe::keeps_label`] |
//! | [`ORDER_STREAM`] | epoch | position | the order of the images | [`crate::recipe::Order`] |
//! | tensor | [`WEIGHTS_STEP`] | value | first weights, where Burn does not draw them | [`crate::net::weights`], [`crate::toy::LearnedScore`] |
//!
//! Training of a classifier, with the seed of that run; its order is drawn as above:
//!
//! | stream | step | index | number | used by |
//! |---|---|---|---|---|
//! | example | step | pixel | its noise z | `train/classifier.rs` |
//! | example | step | [`CLASSIFIER_SIGMA_INDEX`] | σ | `train/classifier.rs` |
//! | example | step | [`CLASSIFIER_SHIFT_INDEX`] + axis | how far the image is moved down and to the right | `train/classifier.rs` |
//!
//! `ncsn likelihood`, with its seed:
//!
//! | stream | step | index | number | used by |
//! |---|---|---|---|---|
//! | image | [`PROBE_STEP`] | pixel | the sign in Hutchinson's vector | [`crate::likelihood`] |
//! | image | [`GRAY_LEVEL_STEP`] | pixel | its place within its gray level | `cli/likelihood.rs` |
//!
//! What has a seed of its own that nobody chooses, such as the images with defects that a classifier
//! is shown (`eval/defects.rs`), is not listed. Nor is what is compared with nothing of the same seed:
//! the noise in which a classifier's accuracy is measured (that of its first step), and the points of
//! `ncsn toy` and of its network (`toy/learned.rs`).
//!
//! Streams, steps and indices that are no constants count from 0. A run has fewer than 2³² − 1
//! steps, a chain at most a million and one, a batch at most 65,536 examples, and an image at most
//! 2³⁰ pixels.

/// The step of a chain's start, which no step table reaches.
pub const START_STEP: u32 = u32::MAX;
/// The step of a chain's class, which no step table reaches.
pub const CLASS_STEP: u32 = u32::MAX - 1;

/// The index of the number that decides whether an image is mirrored: above those of its pixels.
pub const FLIP_INDEX: u32 = 1 << 31;
/// The first index of the numbers that place each pixel within its gray level.
pub const DEQUANTIZE_INDEX: u32 = FLIP_INDEX + 1;

/// The stream of the noise that is added to the image generated from the first example.
pub const GENERATED_STREAM: u32 = 1 << 31;
/// The stream of the noise levels of generated images.
pub const GENERATED_LEVELS_STREAM: u32 = u32::MAX - 2;
/// The stream of what is drawn for each example besides its noise and changes.
pub const LEVELS_STREAM: u32 = u32::MAX - 1;
/// The first index in [`LEVELS_STREAM`] of scales of guidance.
pub const GUIDANCE_INDEX: u32 = 1 << 30;
/// The first index in [`LEVELS_STREAM`] of the numbers that decide whether a class is dropped.
pub const DROPOUT_INDEX: u32 = 1 << 31;
/// The stream of the order of images.
pub const ORDER_STREAM: u32 = u32::MAX;
/// The step of first weights, which no training run reaches.
pub const WEIGHTS_STEP: u32 = u32::MAX;

/// The index of the number that an image's noise level is drawn by when a classifier is trained.
pub const CLASSIFIER_SIGMA_INDEX: u32 = 1 << 31;
/// The first index of the two numbers that an image is moved by when a classifier is trained.
pub const CLASSIFIER_SHIFT_INDEX: u32 = CLASSIFIER_SIGMA_INDEX + 1;

/// The step of the vectors that estimate a divergence.
pub const PROBE_STEP: u32 = 0;
/// The step of the numbers that spread bytes over their gray levels for a likelihood.
pub const GRAY_LEVEL_STEP: u32 = 1;

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::*;
    use crate::sample::Settings;

    /// Streams, steps and indices of a use.
    type Keys = [RangeInclusive<u32>; 3];

    fn one(number: u32) -> RangeInclusive<u32> {
        number..=number
    }

    /// `count` numbers from `first` on, all of which must exist.
    fn from(first: u32, count: u32) -> RangeInclusive<u32> {
        first..=first.checked_add(count - 1).expect("32 bits")
    }

    fn assert_apart(uses: &[(&str, Keys)]) {
        for (index, (name, keys)) in uses.iter().enumerate() {
            for (other_name, other) in &uses[..index] {
                let overlap = |(a, b): (&RangeInclusive<u32>, &RangeInclusive<u32>)| {
                    a.start() <= b.end() && b.start() <= a.end()
                };
                let shared = keys.iter().zip(other).all(overlap);
                assert!(!shared, "{name} and {other_name} draw the same numbers");
            }
        }
    }

    /// The bounds in the documentation above.
    #[test]
    fn no_two_uses_share_a_key() {
        let (examples, pixels) = (65_536, 1 << 30);
        let (any, steps) = (|| 0..=u32::MAX, || from(0, u32::MAX - 1));
        let (chain_steps, tensors) =
            (|| from(0, Settings::MAX_STEPS as u32 + 1), || from(0, 1 << 20));
        let (batch, image) = (|| from(0, examples), || from(0, pixels));
        assert_apart(&[
            ("starts", [any(), one(START_STEP), image()]),
            ("classes", [any(), one(CLASS_STEP), one(0)]),
            ("the noise of steps", [any(), chain_steps(), image()]),
        ]);
        let order = || [one(ORDER_STREAM), any(), any()];
        let levels = |first| [one(LEVELS_STREAM), steps(), from(first, examples)];
        let generated = from(GENERATED_STREAM, examples);
        assert_apart(&[
            ("noise", [batch(), steps(), image()]),
            ("mirroring", [batch(), steps(), one(FLIP_INDEX)]),
            ("gray levels", [batch(), steps(), from(DEQUANTIZE_INDEX, pixels)]),
            ("the noise of generated images", [generated, steps(), image()]),
            ("their noise levels", [one(GENERATED_LEVELS_STREAM), steps(), batch()]),
            ("noise levels", levels(0)),
            ("scales of guidance", levels(GUIDANCE_INDEX)),
            ("dropped classes", levels(DROPOUT_INDEX)),
            ("the order", order()),
            ("first weights", [tensors(), one(WEIGHTS_STEP), any()]),
        ]);
        assert_apart(&[
            ("noise", [batch(), steps(), image()]),
            ("noise levels", [batch(), steps(), one(CLASSIFIER_SIGMA_INDEX)]),
            ("shifts", [batch(), steps(), from(CLASSIFIER_SHIFT_INDEX, 2)]),
            ("the order", order()),
        ]);
        assert_apart(&[
            ("signs", [any(), one(PROBE_STEP), image()]),
            ("gray levels", [any(), one(GRAY_LEVEL_STEP), image()]),
        ]);
    }

    /// Models, checkpoints and links are reproduced by these numbers.
    #[test]
    fn keys_stay_what_they_are() {
        const LAST: u32 = u32::MAX;
        assert_eq!([START_STEP, CLASS_STEP, WEIGHTS_STEP], [LAST, LAST - 1, LAST]);
        let streams = [ORDER_STREAM, LEVELS_STREAM, GENERATED_LEVELS_STREAM, GENERATED_STREAM];
        assert_eq!(streams, [LAST, LAST - 1, LAST - 2, 0x8000_0000]);
        assert_eq!([FLIP_INDEX, DEQUANTIZE_INDEX], [0x8000_0000, 0x8000_0001]);
        assert_eq!([GUIDANCE_INDEX, DROPOUT_INDEX], [0x4000_0000, 0x8000_0000]);
        assert_eq!([CLASSIFIER_SIGMA_INDEX, CLASSIFIER_SHIFT_INDEX], [0x8000_0000, 0x8000_0001]);
        assert_eq!([PROBE_STEP, GRAY_LEVEL_STEP], [0, 1]);
    }
}
