//! The methods that options ask for, and what goes together.

use super::Precision;
use super::method::Method;
use super::needs_burn::NeedsBurn;
use super::options::Options;
use super::options_error::OptionsError;
use crate::net::{Architecture, UNetDescription};
use crate::recipe::checks;

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
                    return Err(OptionsError::Exclusive(one, other));
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
    /// [`NeedsBurn`] names what only Burn can do.
    pub fn for_kernels(&self) -> Result<&UNetDescription, NeedsBurn> {
        let network = match &self.architecture {
            Architecture::UNet(network) => network,
            Architecture::RefineNet(_) => return Err(NeedsBurn::RefineNet),
        };
        if self.precision != Precision::F32 {
            return Err(NeedsBurn::Bf16);
        }
        let method = self.methods().find(Method::needs_burn);
        method.map_or(Ok(network), |method| Err(NeedsBurn::Method(method)))
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
