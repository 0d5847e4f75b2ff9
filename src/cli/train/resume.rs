//! What a resumed run takes from the command line, and what it cannot: its weights depend on how it
//! was trained so far, so most settings are those it began with.

use anyhow::ensure;
use clap::ValueEnum;

use super::arguments::Arguments;
use super::network::Net;
use super::noise::{NoiseArgs, StableTargets};
use crate::data::DataSet;
use crate::model_file::Card;
use crate::net::Architecture;
use crate::train::Options;
use crate::words::count;

/// Whether a model can be of this run: in the place of a run that was begun with --overwrite and has
/// not written its own yet, there is still an earlier one.
pub fn is_of_run(card: &Card, run: &Options) -> bool {
    let Some(training) = &card.training else { return false };
    let matched = run.distribution_matching.as_ref().map(|by| &by.name);
    card.architecture == run.architecture
        // Older cards do not have them.
        && training.sigmas.is_none_or(|sigmas| sigmas == (run.sigma_max, run.sigma_min))
        && training.from == run.from
        && training.few_step == run.few_step()
        && training.distribution_matching.as_ref() == matched
}

/// A flag, its value now, if it has one, and what the run began with.
type Kept = (&'static str, String, String);

impl Arguments {
    /// The options of a resumed run: those it had, except what the user gives anew and what was
    /// measured of its model meanwhile.
    pub fn resumed(&self, before: Options, model: Option<&Card>) -> Options {
        Options {
            sampler: model.map(|card| card.sampler).or(before.sampler),
            best: model.and_then(|card| card.best).or(before.best),
            steps: self.optimization.steps.unwrap_or(before.steps),
            learning_rate: self.optimization.lr.unwrap_or(before.learning_rate),
            precision: self.optimization.precision.unwrap_or(before.precision),
            license: self.run.license.clone().or(before.license),
            ..before
        }
    }

    /// Checks that the flags on the command line say nothing else than the options that a resumed
    /// run keeps. Repeating the command that started it is fine, except for --init-from and what goes
    /// with it.
    ///
    /// # Errors
    /// Names the flag that would have no effect.
    pub fn ensure_resumes(&self, before: &Options) -> anyhow::Result<()> {
        let settings = self.steps_kept(before).into_iter();
        let settings = settings.chain(self.noise_kept(before)).chain(self.network_kept(before));
        for (flag, given, had) in settings {
            self.ensure_same(flag, given == had, &had)?;
        }
        let given = match self.noise.stable_targets {
            None | Some(StableTargets::Auto) => return Ok(()),
            Some(StableTargets::Off) => None,
            Some(StableTargets::From(sigma)) => Some(sigma),
        };
        self.ensure_same_targets(given, before)
    }

    /// What the steps of a run keep.
    fn steps_kept(&self, before: &Options) -> [Kept; 8] {
        let Self { augmentation, optimization, .. } = self;
        let switch = |is_on: bool| if is_on { "it" } else { "none" }.to_owned();
        [
            ("--flip", switch(augmentation.flip), switch(before.augmentation.flip)),
            (
                "--dequantize",
                switch(augmentation.dequantize),
                switch(before.augmentation.dequantize),
            ),
            ("--batch", optimization.batch.to_string(), before.batch.to_string()),
            (
                "--grad-accum-steps",
                optimization.grad_accum_steps.to_string(),
                before.grad_accum_steps.to_string(),
            ),
            ("--warmup-steps", number(optimization.warmup_steps), before.warmup_steps.to_string()),
            (
                "--max-grad-norm",
                optimization.max_grad_norm.to_string(),
                before.max_grad_norm.to_string(),
            ),
            ("--ema-decay", optimization.ema_decay.to_string(), before.ema_decay.to_string()),
            ("--seed", optimization.seed.to_string(), before.seed.to_string()),
        ]
    }

    /// What a run keeps of its noise.
    fn noise_kept(&self, before: &Options) -> [Kept; 6] {
        let noise = &self.noise;
        let weighting = noise.weighting.as_ref().map(name).unwrap_or_default();
        [
            ("--weighting", weighting, name(&before.weighting)),
            ("--levels", number(noise.levels), before.levels.to_string()),
            ("--sigma-max", number(noise.sigma_max), before.sigma_max.to_string()),
            ("--sigma-min", noise.sigma_min.to_string(), before.sigma_min.to_string()),
            ("--sigma-median", noise.sigma_median.to_string(), before.sigma_median.to_string()),
            ("--p-std", noise.p_std.to_string(), before.p_std.to_string()),
        ]
    }

    /// What a run keeps of its network, and of the classes that it is conditioned on.
    fn network_kept(&self, before: &Options) -> [Kept; 6] {
        let network = &self.network;
        let net = Net::of(&before.architecture);
        let none = || format!("none, as its --arch is {}", name(&net));
        let [widths, blocks, patch, ngf] = match &before.architecture {
            Architecture::UNet(unet) => {
                [list(&unet.widths), unet.blocks.to_string(), unet.patch.to_string(), none()]
            }
            Architecture::RefineNet(refinenet) => {
                [none(), none(), none(), refinenet.ngf.to_string()]
            }
        };
        let dropout = number(self.labels.label_dropout);
        [
            ("--arch", name(&network.arch), name(&net)),
            ("--widths", network.widths.as_deref().map(list).unwrap_or_default(), widths),
            ("--blocks", network.blocks.to_string(), blocks),
            ("--patch", network.patch.to_string(), patch),
            ("--ngf", network.ngf.to_string(), ngf),
            ("--label-dropout", dropout, before.label_dropout.to_string()),
        ]
    }

    /// Checks that --steps is no step that a run at step `done` has left behind. To say the same
    /// number again is fine.
    ///
    /// # Errors
    /// Names the flag and the step.
    pub fn ensure_goes_on(&self, done: u64) -> anyhow::Result<()> {
        let steps = self.optimization.steps.unwrap_or(done);
        ensure!(
            steps >= done,
            "the run is already at step {done}: --steps must be larger to go on, but is {steps}"
        );
        Ok(())
    }

    /// As [`Self::ensure_resumes`], for the flags that stand for what is measured of the images.
    /// The images must have as many classes as the run: otherwise labels mean other classes.
    ///
    /// # Errors
    /// Names the flag that would have no effect, or the numbers of classes.
    pub fn ensure_resumes_with(&self, data: &DataSet, before: &Options) -> anyhow::Result<()> {
        let net = Net::of(&before.architecture);
        let (had, found) = (before.architecture.classes(), data.classes.len());
        ensure!(
            had == 0 || found == had,
            "the run has {}, but these images have {found} (folders of held-out images alone are \
             none): give --data the images that the run began with, or start a new run from its \
             model with --init-from",
            count(had, "class")
        );
        if self.is_given("--sigmas") {
            let noise = NoiseArgs { sigma_min: before.sigma_min, ..self.noise.clone() };
            let schedule = noise.schedule(data, net)?;
            let same = (schedule.sigma_max, schedule.levels) == (before.sigma_max, before.levels);
            let had = format!("--sigma-max {} --levels {}", before.sigma_max, before.levels);
            self.ensure_same("--sigmas", same, &had)?;
        }
        if self.is_given("--labels") {
            let same = self.classes(data, net).len() == had;
            self.ensure_same("--labels", same, &count(had, "class"))?;
        }
        if self.noise.stable_targets == Some(StableTargets::Auto) {
            self.ensure_same_targets(self.stable_targets(data, net), before)?;
        }
        Ok(())
    }

    fn ensure_same_targets(&self, given: Option<f32>, before: &Options) -> anyhow::Result<()> {
        let had = before.stable_targets.map_or("off".into(), |sigma| sigma.to_string());
        self.ensure_same("--stable-targets", given == before.stable_targets, &had)
    }

    fn ensure_same(&self, flag: &str, same: bool, had: &str) -> anyhow::Result<()> {
        ensure!(
            same || !self.is_given(flag),
            "--resume cannot change {flag}: the run has {had}; leave {flag} out to continue it, or \
             start a new run"
        );
        Ok(())
    }
}

/// A number, if there is one.
fn number(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

/// The name of a flag's value.
fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::train::test_model::model;
    use crate::data::{Images, LoadReport};

    #[test]
    fn images_with_another_number_of_classes_are_refused() {
        let architecture = model(false).card.architecture;
        let bytes = (0..10 * 64).map(|at| (at * 37 % 251) as u8).collect();
        let labels = Some((0..10).map(|image| image % 2).collect());
        let train = Images { labels, ..Images::new(architecture.image_shape(), bytes) };
        let (name, held_out, found) = ("images".into(), train.clone(), LoadReport::default());
        let classes = ["a", "b"].map(String::from).to_vec();
        let data = DataSet { name, train, held_out, classes, found };
        let arguments = Arguments::parse_from(["train", "--data", "images", "--resume"]);
        let usual = Options::for_images(&data.train).expect("images that differ");
        let resume = |classes: usize| {
            let architecture = architecture.clone().with_classes(classes);
            arguments.ensure_resumes_with(&data, &Options { architecture, ..usual.clone() })
        };
        for possible in [0, 2] {
            resume(possible).expect("the same, or none");
        }
        let error = resume(3).expect_err("labels are shifted").to_string();
        assert!(error.starts_with("the run has 3 classes, but these images have 2 ("), "{error}");
    }
}
