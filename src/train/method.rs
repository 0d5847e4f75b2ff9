//! How a run learns besides denoising score matching.

use std::fmt;

/// A way to learn besides denoising score matching with the noise that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// See [`super::Options::stable_targets`].
    StableTargets,
    /// See [`super::Start::Autoguided`].
    Autoguidance,
    /// See [`super::Start::Distilled`].
    GuidanceDistillation,
    /// See [`super::Consistency`].
    ConsistencyTuning,
    /// See [`super::Consistency`].
    ConsistencyDistillation,
    /// See [`super::DistributionMatching`].
    DistributionMatching,
}

impl Method {
    /// What can be learned together, in the order of `Options::methods`.
    pub(super) const TOGETHER: [[Self; 2]; 4] = [
        [Self::StableTargets, Self::ConsistencyTuning],
        [Self::Autoguidance, Self::ConsistencyDistillation],
        [Self::GuidanceDistillation, Self::ConsistencyDistillation],
        [Self::GuidanceDistillation, Self::DistributionMatching],
    ];

    /// Whether a model is learned from.
    pub fn needs_a_model(&self) -> bool {
        !matches!(self, Self::StableTargets | Self::ConsistencyTuning)
    }

    /// Whether this crate's own kernels cannot train it.
    pub fn needs_burn(&self) -> bool {
        !matches!(self, Self::StableTargets)
    }

    /// Whether it makes a network for one to four evaluations, by the sampler `consistency`.
    pub fn is_few_step(&self) -> bool {
        matches!(
            self,
            Self::ConsistencyTuning | Self::ConsistencyDistillation | Self::DistributionMatching
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StableTargets => "stable targets",
            Self::Autoguidance => "autoguidance",
            Self::GuidanceDistillation => "distilling guidance",
            Self::ConsistencyTuning => "consistency tuning",
            Self::ConsistencyDistillation => "consistency distillation",
            Self::DistributionMatching => "distribution matching",
        })
    }
}
