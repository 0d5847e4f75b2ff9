//! How a run learns besides denoising score matching, and what goes together.

use std::fmt;

use super::Precision;
use super::options::Options;
use super::options_error::OptionsError;
use crate::net::{Architecture, UNetDescription};
use crate::recipe::checks;

/// A way to learn besides denoising score matching with the noise that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// See [`Options::stable_targets`].
    StableTargets,
    /// See [`super::Trainer::autoguided`].
    Autoguidance,
    /// See [`super::Trainer::distilled`].
    GuidanceDistillation,
    /// See [`super::Consistency`].
    ConsistencyTuning,
    /// See [`super::Consistency`].
    ConsistencyDistillation,
    /// See [`super::DistributionMatching`].
    DistributionMatching,
}

impl Method {
    /// What can be learned together, in the order of [`Options::methods`].
    const TOGETHER: [[Self; 2]; 4] = [
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

impl Options {
    /// Checks each of the methods, and that they go together. Of each image there is one target, from
    /// the images or from a model, but the model may be a guided one.
    pub(super) fn check_methods(&self) -> Result<(), OptionsError> {
        let Self { architecture, precision, steps, warmup_steps, .. } = self;
        if let Some(from) = self.stable_targets {
            checks::positive("the σ of stable targets", f64::from(from))?;
        }
        if let Some(by) = &self.autoguidance {
            by.check(architecture)?;
        }
        if let Some(consistency) = &self.consistency {
            consistency.check(architecture, *precision)?;
        }
        if let Some(by) = &self.distribution_matching {
            by.check(architecture, *steps, *warmup_steps)?;
        }
        let methods: Vec<Method> = self.methods().collect();
        for (at, &one) in methods.iter().enumerate() {
            for &other in &methods[at + 1..] {
                if !Method::TOGETHER.contains(&[one, other]) {
                    let problem = format!("{one} and {other} exclude each other");
                    return Err(OptionsError(problem));
                }
            }
        }
        Ok(())
    }

    /// How the run learns, besides by denoising score matching.
    fn methods(&self) -> impl Iterator<Item = Method> {
        let tunes = self.consistency.is_some() && !self.distills();
        let all = [
            (self.stable_targets.is_some(), Method::StableTargets),
            (self.autoguidance.is_some(), Method::Autoguidance),
            (self.architecture.guidance_max() > 0.0, Method::GuidanceDistillation),
            (tunes, Method::ConsistencyTuning),
            (self.distills(), Method::ConsistencyDistillation),
            (self.distribution_matching.is_some(), Method::DistributionMatching),
        ];
        all.into_iter().filter_map(|(asked, method)| asked.then_some(method))
    }

    /// The network, if this crate's own kernels can train the run.
    ///
    /// # Errors
    /// What only Burn can do, in words.
    pub fn for_kernels(&self) -> Result<&UNetDescription, String> {
        let Architecture::UNet(network) = &self.architecture else {
            return Err(Self::REFINENET.into());
        };
        if self.precision != Precision::F32 {
            return Err("bf16".into());
        }
        let method = self.methods().find(Method::needs_burn);
        method.map_or(Ok(network), |method| Err(method.to_string()))
    }

    /// How the run learns from a teacher, a model, instead of from the images; `None` if it does not.
    pub fn teacher_method(&self) -> Option<Method> {
        self.methods().find(Method::needs_a_model)
    }

    /// Whether the network is made for one to four evaluations, by the sampler `consistency`.
    pub fn few_step(&self) -> bool {
        self.methods().any(|method| method.is_few_step())
    }

    /// Whether a consistency model is distilled from the model that the run starts from.
    pub(super) fn distills(&self) -> bool {
        self.consistency.is_some_and(|consistency| consistency.distillation)
    }
}
