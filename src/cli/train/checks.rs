//! What is asked of the flags of `train` before anything is read: that each has an effect, and that
//! numbers are possible.

use anyhow::{bail, ensure};
use clap::ArgMatches;
use clap::parser::ValueSource;

use super::arguments::Arguments;
use super::method::ConsistencyOf;
use super::network::Net;
use super::noise::{Sigmas, StableTargets};
use crate::cli::numbers::{BATCH, ensure_positive, ensure_within};
use crate::recipe::Recipe;
use crate::recipe::checks::sigma_median;
use crate::train::DistributionMatching;

/// The flags that have an effect on U-Nets alone, by their names for clap.
const OF_UNETS: &[&str] =
    &["widths", "blocks", "patch", "sigma_median", "p_std", "labels", "label_dropout"];

impl Arguments {
    /// Checks that every flag has an effect and that numbers are possible, and notes which flags were
    /// given, which only the matches of the program or subcommand say.
    ///
    /// # Errors
    /// Names a flag that has no effect or an impossible value.
    pub fn checked(mut self, matches: &ArgMatches) -> anyhow::Result<Self> {
        let said = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        self.given = matches.ids().map(clap::Id::as_str).filter(|id| said(id)).map(flag).collect();
        if let Some(median) = self.noise.p_mean {
            self.noise.sigma_median = median;
            self.given.push(flag("sigma_median"));
        }
        self.ensure_effect()?;
        self.ensure_possible()?;
        if let Some(median) = self.noise.p_mean {
            eprintln!(
                "warning: --p-mean is an earlier name of --sigma-median, so {median} is taken as the \
                 median of σ and not as EDM's P_mean, its logarithm; use --sigma-median"
            );
        }
        Ok(self)
    }

    /// Whether a flag, such as `--batch`, is on the command line.
    pub fn is_given(&self, flag: &str) -> bool {
        self.given.iter().any(|given| given == flag)
    }

    /// Checks that no flag is given in vain.
    fn ensure_effect(&self) -> anyhow::Result<()> {
        let is_unet = self.network.arch == Net::Unet;
        // A resumed run has the network that it has; see `ensure_resumes`.
        let is_new = !self.run.resume;
        let without_effect: [(bool, &str, &[&str]); 3] = [
            (is_new && is_unet, "the U-Net", &["ngf"]),
            (is_new && !is_unet, "this --arch", OF_UNETS),
            (
                self.run.classifier,
                "a --classifier",
                &[
                    "flip",
                    "dequantize",
                    "labels",
                    "label_dropout",
                    "checkpoint_every_seconds",
                    "eval_every_steps",
                    "license",
                    "grad_accum_steps",
                    "precision",
                    "warmup_steps",
                    "max_grad_norm",
                    "ema_decay",
                    "weighting",
                    "levels",
                    "sigma_median",
                    "p_std",
                    "widths",
                    "blocks",
                    "patch",
                    "ngf",
                ],
            ),
        ];
        for (_, what, ids) in without_effect.into_iter().filter(|&(is_so, ..)| is_so) {
            self.ensure_none(ids, what)?;
        }
        let method = &self.run.method;
        ensure!(
            method.consistency != Some(Some(ConsistencyOf::Tuning))
                || !method.learns_from_a_model(),
            "--consistency=tuning learns from the images; leave --guiding-model and --distill-guidance \
             out, or use --consistency=distillation"
        );
        if self.noise.sigmas == Some(Sigmas::Auto) {
            ensure!(self.noise.sigma_max.is_none(), "--sigmas auto chooses --sigma-max");
            ensure!(self.noise.levels.is_none(), "--sigmas auto chooses --levels");
        }
        Ok(())
    }

    /// Checks that no flag is given that has no effect on a RefineNet that a new run starts from.
    ///
    /// # Errors
    /// Names the flag.
    pub fn ensure_effect_on_refinenet(&self) -> anyhow::Result<()> {
        self.ensure_none(OF_UNETS, "the network of --init-from, which is no U-Net")
    }

    /// Checks that none of these flags is given, by their names for clap.
    fn ensure_none(&self, ids: &[&str], what: &str) -> anyhow::Result<()> {
        if let Some(flag) = ids.iter().map(|id| flag(id)).find(|flag| self.is_given(flag)) {
            bail!("{flag} has no effect on {what}");
        }
        Ok(())
    }

    /// Checks the numbers that do not depend on the images.
    fn ensure_possible(&self) -> anyhow::Result<()> {
        let Self { run, optimization, noise, .. } = self;
        // A stream of random numbers must be able to distinguish the steps.
        let steps = 1..=u64::from(u32::MAX) - 1;
        optimization.steps.map_or(Ok(()), |count| ensure_within("--steps", count, steps))?;
        ensure_within("--batch", optimization.batch, BATCH)?;
        if let (Some(_), Some(steps)) = (&run.method.distribution_matching, optimization.steps) {
            let usual = Recipe::usual_warmup_steps(steps);
            let warmup_steps = optimization.warmup_steps.unwrap_or(usual);
            let critic_steps = run.method.critic_steps;
            let critics = DistributionMatching::steps_before_generator(warmup_steps, critic_steps);
            ensure!(
                steps > critics,
                "of --steps {steps} the critic takes the first {critics}, --warmup-steps and \
                 --critic-steps, so the network would not learn"
            );
        }
        let stable_from = match noise.stable_targets {
            Some(StableTargets::From(sigma)) => Some(sigma),
            None | Some(StableTargets::Auto | StableTargets::Off) => None,
        };
        let positive = [
            ("--lr", optimization.lr),
            ("--max-grad-norm", Some(optimization.max_grad_norm.into())),
            ("--sigma-max", noise.sigma_max.map(f64::from)),
            ("--sigma-min", Some(noise.sigma_min.into())),
            ("--p-std", Some(noise.p_std.into())),
            ("--stable-targets", stable_from.map(f64::from)),
        ];
        for (flag, number) in positive {
            number.map_or(Ok(()), |number| ensure_positive(flag, number))?;
        }
        sigma_median("--sigma-median", noise.sigma_median)?;
        let decay = optimization.ema_decay;
        ensure!(
            (0.0..1.0).contains(&decay),
            "--ema-decay must be at least 0 and below 1, but is {decay}"
        );
        let dropout = self.labels.label_dropout;
        dropout.map_or(Ok(()), |share| ensure_within("--label-dropout", share, 0.0..=1.0))?;
        if let Some(most) = run.method.distill_guidance {
            ensure!(most > 1.0, "--distill-guidance must be above 1, but is {most}");
        }
        Ok(())
    }
}

/// A flag by the name that clap knows it by.
fn flag(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    fn checked(flags: &str) -> anyhow::Result<Arguments> {
        let words = ["train --data images ", flags].concat();
        let matches = Arguments::command().try_get_matches_from(words.split(' '));
        let matches = matches.expect("known flags");
        let arguments = Arguments::from_arg_matches(&matches).expect("possible values");
        arguments.checked(&matches)
    }

    #[test]
    fn what_has_no_effect_on_the_refinenet_to_start_from_is_refused() {
        let said = |flags: &str| {
            let arguments = checked(&["--init-from m ", flags].concat()).expect("of a U-Net");
            arguments.ensure_effect_on_refinenet()
        };
        said("--lr 1e-4 --weighting ncsn").expect("of any network");
        said("--weighting paper").expect("its earlier name");
        for flag in ["--sigma-median 1", "--p-std 1", "--labels off", "--label-dropout 0.2"] {
            let refusal = said(flag).expect_err("refused").to_string();
            assert!(flag.starts_with(refusal.split(' ').next().expect("a word")), "{refusal}");
        }
    }

    #[test]
    fn what_has_no_effect_or_is_impossible_is_refused() {
        let said = |flags: &str| checked(flags).map(|_| ());
        said("--patch 1 --p-std 1.2").expect("of the U-Net");
        said("--arch ncsn --ngf 32").expect("of a RefineNet");
        let earlier = checked("--p-mean 0.5").expect("an earlier name");
        assert_eq!(earlier.noise.sigma_median, 0.5);
        assert!(earlier.is_given("--sigma-median"));
        said("--classifier --steps 100 --sigmas given").expect("of a classifier");
        said("--init-from m --consistency=distillation --distill-guidance 3")
            .expect("of the model");
        said("--init-from m --consistency --distill-guidance 3").expect("the same");
        for (flags, flag) in [
            ("--ngf 32", "--ngf"),
            ("--arch ncsnv2 --sigma-median 1", "--sigma-median"),
            // EDM's P_mean is a logarithm.
            ("--p-mean=-1.2", "--sigma-median is the median of σ"),
            ("--p-mean=-1.2", "e^-1.2 = 0.301"),
            ("--arch ncsnv2 --p-mean 1", "--sigma-median has no effect"),
            ("--classifier --warmup-steps 3", "--warmup-steps"),
            ("--init-from m --consistency=tuning --distill-guidance 3", "--consistency=tuning"),
            ("--init-from m --distill-guidance 1", "--distill-guidance"),
            ("--stable-targets nan", "--stable-targets"),
        ] {
            let refusal = said(flags).expect_err("refused").to_string();
            assert!(refusal.contains(flag), "{refusal}");
        }
    }
}
