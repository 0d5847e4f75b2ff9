//! What a visitor asks of chains, besides a sampler's settings.

use std::ops::Range;

use serde::Deserialize;

use crate::sample::conditioning::{End, Path};
use crate::sample::{ClassConditioning, GuidanceScale};

/// `ChainOptions` in `www/types.d.ts`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChainOptions {
    /// What is kept of a drawing that no noise covers; none for its pixels.
    pub keep: Option<Keep>,
    /// The seed that a path of images leads to.
    to: Option<u64>,
    /// The number of images on that path; none for the chains that are started.
    frames: Option<usize>,
    /// The classes that chains show in turns; empty to draw them by how often they occur in
    /// training.
    classes: Vec<usize>,
    /// w of classifier-free guidance; none for 1.
    guidance: Option<f32>,
    /// The smallest and the largest σ to guide at; none for all.
    interval: Option<[f32; 2]>,
}

/// `Keep` in `www/types.d.ts`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Keep {
    /// Its opaque pixels; the rest is filled in.
    #[default]
    Pixels,
    /// The means of its colors; they are colored in.
    Gray,
    /// The means of squares of pixels; details are added.
    Blocks,
}

impl ChainOptions {
    /// The path of chains up to number `chains`, if they are to be on one.
    pub(super) fn path(&self, chains: usize) -> Option<Path> {
        let frames = self.frames.unwrap_or(chains);
        self.to.map(|seed| Path { frames, to: End::Seed(seed) })
    }

    /// The conditioning of the chains of these numbers of a model with as many training images of
    /// each class; `None` for a model without classes, which ignores the choice.
    pub(super) fn conditioning(
        self,
        counts: &[u32],
        seed: u64,
        chains: Range<usize>,
    ) -> Option<ClassConditioning> {
        let Self { classes, guidance, interval, to, .. } = self;
        if counts.is_empty() {
            return None;
        }
        // A path that changed its class would jump.
        let chains = if to.is_some() { 0..1 } else { chains };
        let none = GuidanceScale::NONE;
        let guidance_scale = GuidanceScale {
            weight: guidance.unwrap_or(none.weight),
            sigmas: interval.unwrap_or(none.sigmas),
        };
        Some(match classes.is_empty() {
            true => {
                let drawn = ClassConditioning::drawn(counts, seed, chains);
                ClassConditioning { guidance_scale, ..drawn }
            }
            false => ClassConditioning { classes, first: 0, guidance_scale },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_chosen_is_drawn_without_guidance() {
        let all = ChainOptions::default().conditioning(&[5, 5], 1, 0..40).expect("it has classes");
        assert_eq!((all.classes.len(), all.guidance_scale), (40, GuidanceScale::NONE));
        assert!(ChainOptions::default().conditioning(&[], 1, 0..40).is_none());
        let path = ChainOptions { to: Some(2), ..ChainOptions::default() };
        let path = path.conditioning(&[5, 5], 1, 0..40).expect("it has classes");
        assert_eq!(path.classes, all.classes[..1], "a path has one class");
        let choice =
            ChainOptions { classes: vec![1], guidance: Some(2.0), ..ChainOptions::default() };
        let one = choice.conditioning(&[5, 5], 1, 0..40).expect("it has classes");
        assert_eq!((one.classes, one.guidance_scale.weight), (vec![1], 2.0));
    }

    #[test]
    fn a_path_leads_to_a_seed() {
        assert_eq!(ChainOptions::default().path(4), None);
        let options = ChainOptions { to: Some(8), ..ChainOptions::default() };
        assert_eq!(options.path(4), Some(Path { frames: 4, to: End::Seed(8) }));
        let one = ChainOptions { frames: Some(9), ..options };
        assert_eq!(one.path(4), Some(Path { frames: 9, to: End::Seed(8) }));
    }
}
