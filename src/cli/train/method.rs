//! The methods that a run learns by besides denoising score matching.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::autoguidance::GuidanceScaleArgs;
use crate::train::{Consistency, DistributionMatching, Method};

/// What a run learns from the model that it starts from, and from others. A resumed run goes on as it
/// began.
#[derive(clap::Args)]
#[command(mut_group("GuidanceScaleArgs", |group| group.conflicts_with("resume")))]
pub struct MethodArgs {
    /// Learn the score of the --init-from model, guided away from this worse model, instead of the
    /// images' own. The resulting network draws alone what `ncsn sample --guiding-model` draws with
    /// two. The worse model is one trained for less long, say a tenth of the time.
    #[arg(
        long,
        alias = "autoguide",
        value_name = "WORSE",
        requires = "init_from",
        conflicts_with = "resume"
    )]
    pub guiding_model: Option<PathBuf>,
    #[command(flatten)]
    pub guidance_scale: GuidanceScaleArgs,
    /// Learn what the --init-from model draws for a class with `ncsn sample --guidance`, for every
    /// scale from 1 to this one, which is above 1: the scale becomes an input of the network, and
    /// guided samples take one evaluation a step instead of two.
    #[arg(
        long,
        value_name = "MAX",
        requires = "init_from",
        conflicts_with_all = ["resume", "guiding_model", "stable_targets"],
    )]
    pub distill_guidance: Option<f32>,
    /// Make of the --init-from model one that gives images in one to four evaluations, with `--sampler
    /// consistency` [default: distillation with --guiding-model and --distill-guidance, otherwise
    /// tuning].
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        requires = "init_from",
        conflicts_with_all = ["resume", "weighting"],
    )]
    pub consistency: Option<Option<ConsistencyOf>>,
    /// The gap Δ = (t − r)/t between compared noise levels at first, above 0 and at most 1 [default:
    /// 0.004; for distillation 0.4].
    #[arg(long, requires = "consistency", conflicts_with = "resume")]
    pub first_gap: Option<f32>,
    /// The gap in the end, above 0 and at most --first-gap [default: --first-gap].
    #[arg(long, requires = "consistency", conflicts_with = "resume")]
    pub last_gap: Option<f32>,
    /// Learn to draw from this model's distribution in one to four evaluations, with `--sampler
    /// consistency` (distribution matching distillation). Start with --init-from a model that
    /// --consistency has made of it.
    #[arg(
        long,
        value_name = "MODEL",
        requires = "init_from",
        conflicts_with_all = ["resume", "consistency", "guiding_model", "stable_targets"],
    )]
    pub distribution_matching: Option<PathBuf>,
    /// Steps of the critic, which learns the score of what is drawn, for each of the network. Both
    /// count as --steps, and all of --warmup-steps are the critic's.
    #[arg(
        long,
        value_name = "N",
        default_value_t = DistributionMatching::CRITIC_STEPS,
        requires = "distribution_matching",
        conflicts_with = "resume"
    )]
    pub critic_steps: u32,
}

/// Where a consistency model leads.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConsistencyOf {
    /// To the end of the images' flow: easy consistency tuning.
    Tuning,
    /// To the end of the model's own flow: consistency distillation.
    Distillation,
}

/// The flag that asks for a method.
pub fn flag_of(method: &Method) -> &'static str {
    match method {
        Method::StableTargets => "--stable-targets",
        Method::Autoguidance => "--guiding-model",
        Method::GuidanceDistillation => "--distill-guidance",
        Method::ConsistencyTuning | Method::ConsistencyDistillation => "--consistency",
        Method::DistributionMatching => "--distribution-matching",
    }
}

impl MethodArgs {
    /// The methods that these flags ask for. `--consistency` alone means distillation if another of
    /// them learns from a model, and otherwise tuning.
    pub fn methods(&self) -> Vec<Method> {
        let others = [
            (self.guiding_model.is_some(), Method::Autoguidance),
            (self.distill_guidance.is_some(), Method::GuidanceDistillation),
            (self.distribution_matching.is_some(), Method::DistributionMatching),
        ];
        let others = others.into_iter().filter_map(|(asked, method)| asked.then_some(method));
        let mut methods: Vec<Method> = others.collect();
        if let Some(of) = self.consistency {
            let usual = match methods.is_empty() {
                true => ConsistencyOf::Tuning,
                false => ConsistencyOf::Distillation,
            };
            methods.push(match of.unwrap_or(usual) {
                ConsistencyOf::Tuning => Method::ConsistencyTuning,
                ConsistencyOf::Distillation => Method::ConsistencyDistillation,
            });
        }
        methods
    }

    /// Whether the run learns from a model instead of from the images.
    pub fn learns_from_a_model(&self) -> bool {
        self.methods().iter().any(Method::needs_a_model)
    }

    /// Whether the run makes a model for few evaluations.
    pub fn is_few_step(&self) -> bool {
        self.methods().iter().any(Method::is_few_step)
    }

    /// The consistency model to make, if one is asked for.
    pub fn consistency(&self) -> Option<Consistency> {
        self.consistency?;
        let distillation = self.methods().contains(&Method::ConsistencyDistillation);
        let usual = if distillation { 0.4 } else { 0.004 };
        let first_gap = self.first_gap.unwrap_or(usual);
        Some(Consistency { first_gap, last_gap: self.last_gap.unwrap_or(first_gap), distillation })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::train::Arguments;

    #[test]
    fn a_gap_is_narrow_for_tuning_and_wide_for_distillation() {
        let made = |flags: &str| {
            let words = ["train --data images --init-from m ", flags].concat();
            let arguments = Arguments::try_parse_from(words.split(' ')).expect("possible");
            arguments.run.method.consistency()
        };
        let of =
            |gap, distillation| Some(Consistency { first_gap: gap, last_gap: gap, distillation });
        assert_eq!(made("--steps 5"), None);
        assert_eq!(made("--consistency"), of(0.004, false));
        assert_eq!(made("--consistency=tuning --first-gap 0.01"), of(0.01, false));
        assert_eq!(made("--consistency=distillation"), of(0.4, true));
        assert_eq!(made("--consistency --guiding-model worse --first-gap 0.2"), of(0.2, true));
    }
}
