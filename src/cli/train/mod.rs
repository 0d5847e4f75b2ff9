//! `train`: pictures in, a model out.
//!
//! [`arguments`] holds the flags ([`network`] those of the network), [`start`] what a run starts
//! from, [`run`] the training loop, [`log`] the files written along the way ([`tensorboard`] its
//! event files) and [`estimate`] the cost of a run; [`classifier`] trains a classifier instead.

mod arguments;
mod classifier;
mod estimate;
mod log;
mod network;
mod options;
mod run;
mod start;
mod tensorboard;

use anyhow::{Context, ensure};

use self::arguments::Arguments;
pub(super) use self::options::is_of;
use self::run::Run;
use self::start::Start;
use super::pictures;
use crate::train::Checkpoints;

/// The program's entry point.
///
/// # Errors
/// Errors are one-line messages for the user.
pub fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse()?;
    // Reading pictures uses many threads, too.
    set_threads(arguments.run.threads)?;
    if arguments.run.classifier {
        return classifier::train(&arguments);
    }
    let checkpoints = Checkpoints::beside(&arguments.run.out);
    let start = Start::new(&arguments.run, &checkpoints)?;
    let data = arguments.load(start.picture())?;
    pictures::say(&data);
    let trainer = start.trainer(&arguments, &data)?;
    let options = trainer.options();
    println!(
        "{} parameters on {}; step {} of {}, {} pictures a step",
        options.architecture.parameters(),
        arguments.run.device,
        trainer.done(),
        options.steps,
        options.batch
    );
    if arguments.run.device == "cpu" {
        println!(
            "(for a GPU: build with --features cuda, vulkan or metal, and say which with --device)"
        );
    }
    if let Some(sigma) = options.stable_targets {
        println!("stable targets from σ = {sigma:.2} up");
    }
    if arguments.run.dry_run {
        return estimate::print(trainer, &data);
    }
    Run::new(arguments.run, data, trainer, checkpoints)?.finish()
}

/// Sets the size of rayon's global pool, which Burn's Flex uses; LibTorch reads OpenMP's variable.
fn set_threads(threads: Option<usize>) -> anyhow::Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    ensure!(threads > 0, "--threads must be at least 1");
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("cannot start the threads")
}
