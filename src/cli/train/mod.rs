//! `train`: a model from pictures.
//!
//! [`arguments`] is what a user says ([`network`] of the network), [`run`] the loop, [`log`] what is written along the way
//! ([`tensorboard`] in one of its forms), [`estimate`] what a run would cost.

mod arguments;
mod classifier;
mod estimate;
mod log;
mod network;
mod run;
mod tensorboard;

use anyhow::{Context, bail, ensure};
use clap::Parser;

use self::arguments::{Arguments, RunArgs};
use self::run::Run;
use super::{autoguide, device, ncsn::open, pictures};
use crate::data::DataSet;
use crate::model_file::ModelFile;
use crate::train::{Autoguidance, Checkpoints, Trainer};

/// The program.
///
/// # Errors
/// Whatever the user should know; one line.
pub fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // Pictures are read by many threads too.
    set_threads(arguments.run.threads)?;
    let origin = arguments.run.from.as_deref().map(open).transpose()?;
    let data = arguments.load(origin.as_ref())?;
    pictures::say(&data);
    if arguments.run.classifier {
        return classifier::train(&arguments, &data);
    }
    let checkpoints = Checkpoints::beside(&arguments.run.out);
    let trainer = trainer(&arguments, origin, &data, &checkpoints)?;
    let options = trainer.options();
    println!(
        "{} parameters on {}; step {} of {}, {} pictures a step",
        options.architecture.parameters(),
        arguments.run.device,
        trainer.done(),
        options.steps,
        options.batch
    );
    if arguments.run.dry_run {
        return estimate::print(trainer, &data);
    }
    Run::new(arguments.run, data, trainer, checkpoints)?.finish()
}

/// A new run, which may begin with a model's weights, or the one that the checkpoints are of.
fn trainer(
    arguments: &Arguments,
    origin: Option<ModelFile>,
    data: &DataSet,
    checkpoints: &Checkpoints,
) -> anyhow::Result<Trainer> {
    let devices = device::parse_list(&arguments.run.device)?;
    if !arguments.run.resume {
        let may_replace = arguments.run.overwrite || arguments.run.dry_run;
        if checkpoints.any() && !may_replace {
            let path = checkpoints.newest().display();
            bail!("{path} is there: go on from it with --resume, or replace it with --overwrite");
        }
        let trainer =
            Trainer::new(arguments.options(data, origin.as_ref())?, &data.train, &devices)?;
        let Some(origin) = origin else { return Ok(trainer) };
        let trainer = trainer.from_weights(origin.weights)?;
        let RunArgs { autoguide: Some(path), strength, .. } = &arguments.run else {
            return Ok(trainer);
        };
        let strength = strength.strength()?;
        let ModelFile { card, weights } = autoguide::worse(path, data.train.shape)?;
        let name = arguments::in_words(&card);
        let by = Autoguidance { worse: card.architecture, name, strength };
        return Ok(trainer.autoguided(by, weights)?);
    }
    let found = checkpoints.load().context("cannot resume; without --resume a new run starts")?;
    if let Some(warning) = found.warning {
        eprintln!("warning: {warning}");
    }
    let mut checkpoint = found.checkpoint;
    ensure!(
        checkpoint.options.architecture.picture() == data.train.shape,
        "{} is for pictures of another shape",
        checkpoints.newest().display()
    );
    checkpoint.options = arguments.resumed(checkpoint.options);
    Ok(Trainer::resume(checkpoint, &data.train, &devices)?)
}

/// Burn's Flex computes on rayon's global pool; LibTorch reads the variable of OpenMP.
fn set_threads(threads: Option<usize>) -> anyhow::Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    ensure!(threads > 0, "--threads must be at least 1");
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("cannot start the threads")
}
