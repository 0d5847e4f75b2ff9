//! How a run starts: everything that can be checked, and refused, before images are read.

use std::path::Path;

use anyhow::{Context, ensure};

use super::arguments::{Arguments, RunArgs};
use super::log::Log;
use super::method::flag_of;
use super::network::Net;
use super::options::in_words;
use super::place::Place;
use super::resume::is_of_run;
use crate::cli::class_guidance::{ensure_knows_all_images, ensure_learned_score};
use crate::cli::model::{of_shape, open, was_trained_on, with_classes_of};
use crate::cli::{apart, output};
use crate::data::DataSet;
use crate::model_file::{Card, ModelFile};
use crate::net::weights::carry_over;
use crate::net::{Architecture, ImageShape};
use crate::sample::GuidanceScale;
use crate::train::{
    self, Autoguidance, Checkpoint, Checkpoints, DistributionMatching, Fingerprint, NeedsBurn,
    Options, Precision, Trainer,
};

/// Where a run computes, and the weights that it starts from.
pub struct Start {
    place: Place,
    weights: Weights,
}

enum Weights {
    /// Drawn at random.
    Drawn,
    /// Those of a model.
    Model(Box<ModelFile>),
    /// Those of a model that learns to do what it does when guided away from a worse one.
    Guided { better: Box<ModelFile>, worse: Box<ModelFile>, guidance_scale: GuidanceScale },
    /// Those of a model that learns to draw from another's distribution.
    Matched { generator: Box<ModelFile>, model: Box<ModelFile> },
    /// Those of an interrupted run.
    Checkpoint(Box<Checkpoint>),
}

impl Weights {
    fn new(run: &RunArgs, checkpoints: &Checkpoints) -> anyhow::Result<Self> {
        if run.resume {
            // A dry run writes nothing, and so sets no damaged checkpoint aside.
            let found = if run.dry_run { checkpoints.peek() } else { checkpoints.load() };
            let found = found.context("cannot resume; without --resume a new run starts")?;
            if let Some(warning) = found.warning {
                eprintln!("warning: {warning}");
            }
            return Ok(Self::Checkpoint(Box::new(found.checkpoint)));
        }
        let Some(path) = &run.init_from else { return Ok(Self::Drawn) };
        let better = Box::new(open(path)?);
        let shape = better.card.architecture.image_shape();
        let with_score = |path: &Path| -> anyhow::Result<Box<ModelFile>> {
            let model = of_shape(path, shape)?;
            ensure_learned_score(path, &model.card)?;
            Ok(Box::new(model))
        };
        let ensure_guides = |model: &ModelFile| match run.method.distill_guidance {
            Some(_) => ensure_knows_all_images(model, "--distill-guidance"),
            None => Ok(()),
        };
        if let Some(model) = &run.method.distribution_matching {
            let model = with_score(model)?;
            ensure_guides(&model)?;
            return Ok(Self::Matched { generator: better, model });
        }
        if run.method.learns_from_a_model() {
            ensure_learned_score(path, &better.card)?;
            ensure_guides(&better)?;
        } else if better.card.is_few_step() && !run.method.is_few_step() {
            eprintln!(
                "warning: {} was made to draw images in few evaluations; this trains the score again; \
                 `--consistency` keeps it a model for few evaluations",
                path.display()
            );
        }
        let Some(worse) = &run.method.guiding_model else { return Ok(Self::Model(better)) };
        let guidance_scale = run.method.guidance_scale.guidance_scale()?;
        Ok(Self::Guided { better, worse: with_score(worse)?, guidance_scale })
    }

    /// The network that they are of; `None` if they are still to be drawn.
    fn architecture(&self) -> Option<&Architecture> {
        match self {
            Self::Drawn => None,
            Self::Model(model)
            | Self::Guided { better: model, .. }
            | Self::Matched { generator: model, .. } => Some(&model.card.architecture),
            Self::Checkpoint(checkpoint) => Some(&checkpoint.options.architecture),
        }
    }
}

impl Start {
    /// Checks the flags and opens the files that they name. `leads` is false for the ranks of a
    /// distributed run that write no files.
    ///
    /// # Errors
    /// If there is no such device, model or checkpoint, a flag has no effect on what is resumed, the
    /// run is to end at a step that is over, or it would replace other files than its own.
    pub fn new(
        arguments: &Arguments,
        checkpoints: &Checkpoints,
        leads: bool,
    ) -> anyhow::Result<Self> {
        let run = &arguments.run;
        let needs = run.method.methods().iter().find(|method| method.needs_burn()).map(flag_of);
        let bf16 = arguments.optimization.precision == Some(Precision::Bf16);
        let network = match arguments.network.arch {
            Net::Unet => None,
            Net::Ncsn | Net::Ncsnv2 => Some(NeedsBurn::RefineNet.to_string()),
        };
        let needs = needs.or(bf16.then_some("--precision bf16")).map(str::to_owned).or(network);
        if leads && !run.dry_run {
            ensure_own_files(arguments, checkpoints)?;
        }
        let weights = Weights::new(run, checkpoints)?;
        let also = match &weights {
            Weights::Checkpoint(checkpoint) => {
                arguments.ensure_resumes(&checkpoint.options)?;
                arguments.ensure_goes_on(checkpoint.step)?;
                let resumed = arguments.resumed(checkpoint.options.clone(), None);
                resumed.for_kernels().err()
            }
            _ => match weights.architecture() {
                Some(Architecture::RefineNet(_)) => {
                    arguments.ensure_effect_on_refinenet()?;
                    Some(NeedsBurn::RefineNet)
                }
                Some(Architecture::UNet(_)) | None => None,
            },
        };
        let also = also.map(|needs| needs.to_string());
        let place = Place::of(&run.device, needs.or(also))?;
        Ok(Self { place, weights })
    }

    /// The shape that the images must have, if it is known.
    pub fn image_shape(&self) -> Option<ImageShape> {
        self.weights.architecture().map(Architecture::image_shape)
    }

    /// The run before its first step, or at the step its checkpoint was written, and the name of
    /// the device that it computes on.
    ///
    /// # Errors
    /// If the options are impossible or the device fails.
    pub fn trainer(
        self,
        arguments: &Arguments,
        data: &DataSet,
    ) -> anyhow::Result<(Trainer, String)> {
        let Self { place, weights } = self;
        let new = |origin: Option<&Card>, start: train::Start| -> anyhow::Result<_> {
            Ok(place.start(arguments.options(data, origin)?, start, &data.train)?)
        };
        let classes_for = |card: &Card| arguments.classes(data, Net::of(&card.architecture));
        let carried = |ModelFile { card, weights }: ModelFile| {
            let weights = carry_over(weights, &card.class_names(), classes_for(&card));
            (card, weights)
        };
        Ok(match weights {
            Weights::Drawn => new(None, train::Start::Random)?,
            Weights::Model(model) => {
                let (card, weights) = carried(*model);
                let start = match arguments.run.method.learns_from_a_model() {
                    true => train::Start::Distilled(weights),
                    false => train::Start::From(weights),
                };
                new(Some(&card), start)?
            }
            Weights::Guided { better, worse, guidance_scale } => {
                let worse = with_classes_of(*worse, classes_for(&better.card));
                let by = Autoguidance {
                    name: in_words(&worse.card),
                    worse: worse.card.architecture,
                    guidance_scale,
                };
                let (card, better) = carried(*better);
                new(Some(&card), train::Start::Autoguided { better, by, worse: worse.weights })?
            }
            Weights::Matched { generator, model } => {
                let model = with_classes_of(*model, classes_for(&generator.card));
                let by = DistributionMatching {
                    name: in_words(&model.card),
                    model: model.card.architecture,
                    critic_steps: arguments.run.method.critic_steps,
                };
                let (card, generator) = carried(*generator);
                new(Some(&card), train::Start::Matched { generator, by, model: model.weights })?
            }
            Weights::Checkpoint(mut checkpoint) => {
                let found = Fingerprint::of(&data.train);
                warn_of_other_images(&checkpoint.options, &found);
                let model = open(&arguments.run.out).ok();
                let model = model.map(|model| model.card).filter(|card| {
                    was_trained_on(card, &data.name, found) && is_of_run(card, &checkpoint.options)
                });
                arguments.ensure_resumes_with(data, &checkpoint.options)?;
                checkpoint.options = arguments.resumed(checkpoint.options, model.as_ref());
                place.resume(*checkpoint, &data.train)?
            }
        })
    }
}

/// Warns if a resumed run goes on with other images than it began with or, if it is class-conditional,
/// with other labels.
fn warn_of_other_images(run: &Options, found: &Fingerprint) {
    let Some(then) = &run.images else { return };
    if !then.same_images(found) {
        eprintln!(
            "warning: these are not the images that the run began with; see --data, --size, \
             --grayscale and --background"
        );
    }
    if run.architecture.classes() > 0 && !then.same_labels(found) {
        eprintln!(
            "warning: the images have other labels than when the run began, so the model's classes \
             will be mixed; see --data, or begin anew with --init-from, which goes by the names of classes"
        );
    }
}

/// Checks that a run writes its files where it replaces none but those of an earlier run, and those
/// only when asked to and if it does not start from them, and where it adds no image to those to
/// train on.
fn ensure_own_files(arguments: &Arguments, checkpoints: &Checkpoints) -> anyhow::Result<()> {
    let Arguments { run, images, .. } = arguments;
    let log = Log::folder_beside(&run.out);
    let reads = [
        ("--data", Some(&*images.data)),
        ("--init-from", run.init_from.as_deref()),
        ("--guiding-model", run.method.guiding_model.as_deref()),
        ("--distribution-matching", run.method.distribution_matching.as_deref()),
    ];
    for written in [&run.out, checkpoints.newest(), checkpoints.previous()] {
        apart::ensure_replaces_none(&reads, "--out", written)?;
    }
    apart::ensure_outside_data(&images.data, "--out", &log)?;
    let replaces = run.resume || run.overwrite;
    ensure!(
        replaces || !checkpoints.any(),
        "{} already exists: continue from it with --resume, or replace it with --overwrite",
        checkpoints.newest().display()
    );
    output::ensure_model(&run.out, replaces)?;
    Log::ensure_own(&log, run.resume, run.overwrite)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::train::test_model::model;
    use crate::model_file::Class;
    use crate::net::UNetDescription;
    use crate::net::weights::initial;
    use crate::train::test_network::tiny;

    /// A model of two classes that has not learned the score of all images.
    fn of_classes() -> ModelFile {
        let ModelFile { mut card, .. } = model(false);
        let sizes = UNetDescription { classes: 2, ..tiny(card.architecture.image_shape()) };
        let weights = initial(&sizes, 1);
        card.architecture = Architecture::UNet(sizes);
        card.classes = ["a", "b"].map(|name| Class { name: name.into(), images: 25 }).to_vec();
        ModelFile { card, weights }
    }

    #[test]
    fn only_a_model_that_knows_the_score_is_learned_from() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        for (name, model) in [("score", model(false)), ("few", model(true)), ("ab", of_classes())] {
            std::fs::write(at(name), model.write().expect("finite")).expect("written");
        }
        let start = |flags: &str| {
            let words = ["train --data images --init-from ", flags].concat();
            let words = words.split(' ').map(|word| match word {
                "score" | "few" | "ab" => at(word),
                flag => flag.to_owned(),
            });
            let run = Arguments::parse_from(words).run;
            Weights::new(&run, &Checkpoints::beside(&run.out)).map(|_| ())
        };
        for flags in [
            "few --guiding-model score",
            "score --guiding-model few",
            "few --distill-guidance 3",
            "few --consistency=distillation",
            "few --consistency --distill-guidance 3",
            "few --distribution-matching few",
        ] {
            let error = start(flags).expect_err("refused").to_string();
            assert!(error.starts_with(&at("few")) && error.contains("score"), "{flags}: {error}");
        }
        for flags in
            ["ab --distill-guidance 3", "ab --distribution-matching ab --distill-guidance 3"]
        {
            let error = start(flags).expect_err("refused").to_string();
            assert!(error.contains("but --distill-guidance needs"), "{flags}: {error}");
        }
        for flags in [
            "few",
            "few --consistency",
            "ab --distribution-matching ab",
            "few --distribution-matching score",
            "score --guiding-model score",
            "score --consistency=distillation",
        ] {
            start(flags).unwrap_or_else(|error| panic!("{flags}: {error}"));
        }
    }
}
